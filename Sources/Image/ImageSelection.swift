import Digest
public import OCI

extension ImageSource {
  /// The images that have a name, in the order of the index; all when `name` is nil.
  ///
  /// - Parameter name: a tag of a layout, or a reference in any of its forms.
  public func images(named name: String?) throws(ImageError) -> [Image] {
    guard let name else { return images }
    let found = images.filter { $0.isCalled(name) }
    if found.isEmpty { throw error { .noSuchImage(wanted: "\"\(name)\"", available: $0) } }
    return found
  }

  /// One image.
  ///
  /// Without a name there must be only one name to choose from. Without a platform it is the only one, or
  /// else that of this machine.
  ///
  /// - Throws: `ImageError`, which lists what there is.
  public func select(name: String? = nil, platform: Platform? = nil) throws(ImageError) -> Image {
    let named = try images(named: name ?? location.imageName)
    if let only = named.first, named.count == 1, platform == nil { return only }
    let wanted = platform ?? .host
    let distances = named.compactMap { image in
      image.platform.distance(to: wanted).map { (image: image, distance: $0) }
    }
    let what = (name.map { "\"\($0)\" " } ?? "") + "for \(wanted)"
    guard let best = distances.map(\.distance).min() else {
      throw error { .noSuchImage(wanted: what, available: $0) }
    }
    let nearest = distances.filter { $0.distance == best }.map(\.image)
    guard let image = nearest.first, nearest.count == 1 else {
      throw error { .ambiguous(wanted: what, available: $0) }
    }
    return image
  }

  private func error(_ reason: ([String]) -> ImageError.Reason) -> ImageError {
    let present = images.map { image in
      "\(image.names.isEmpty ? image.digest.short : image.names.joined(separator: " = ")) (\(image.platform))"
    }
    return ImageError(reason(present), at: "\(location)")
  }
}

extension Image {
  /// Whether a name means this image: exactly, as its digest, or as the same reference in another form.
  func isCalled(_ name: String) -> Bool {
    if names.contains(name) || name == digest.description { return true }
    guard let wanted = try? Reference(name).withTag else { return false }
    return names.contains { (try? Reference($0).withTag) == wanted }
  }
}
