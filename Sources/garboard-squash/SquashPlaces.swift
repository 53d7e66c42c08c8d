import Digest
import Image
import OCI

/// Which images are squashed, and where the results go.
enum SquashPlaces {
  /// Chooses the images of a source: one name's, each platform once.
  static func images(_ source: ImageSource, platform: Platform?) throws -> [Image] {
    if let platform { return [try source.select(platform: platform)] }
    let images = try source.images(named: source.location.imageName)
    guard let first = images.first else {
      throw ImageError(.noSuchImage(wanted: "to squash", available: []), at: "\(source.location)")
    }
    // The same image may be listed under several names.
    var chosen: [Image] = []
    for image in images where !chosen.contains(where: { $0.digest == image.digest }) { chosen.append(image) }
    let platforms = Set(chosen.map { "\($0.platform)" })
    if platforms.count < chosen.count {
      // Says which there are.
      return [try source.select(platform: first.platform)]
    }
    return chosen
  }

  /// The destinations with the names of the images, where the user gave none.
  static func named(
    _ destinations: [ImageLocation], like images: [Image], tags: [Reference]
  ) -> (destinations: [ImageLocation], tags: [Reference]) {
    let names = images.first?.names ?? []
    let hasOwn = !tags.isEmpty || destinations.contains { $0.imageName != nil }
    if hasOwn { return (destinations, tags) }
    // What has a slash or a tag of its own is a reference; else it is a layout's tag.
    let references = names.filter { $0.contains("/") || $0.contains(":") }.compactMap {
      try? Reference($0).withTag
    }
    if !references.isEmpty { return (destinations, references) }
    let tag = names.first
    let located = destinations.map { location -> ImageLocation in
      switch location {
      case .layout(let path, nil): .layout(path, name: tag)
      case .ociArchive(let path, nil): .ociArchive(path, name: tag)
      default: location
      }
    }
    return (located, [])
  }

  /// The place of the source itself, for its results.
  ///
  /// - Throws: `ImageError` where something else would be lost.
  static func inPlace(_ source: ImageSource, images: [Image]) throws -> ImageLocation {
    func refused(_ problem: String) -> ImageError {
      ImageError(.location(problem: problem), at: "\(source.location)")
    }
    let names = images.first?.names ?? []
    switch source.resolved {
    case .layout(_, let name):
      if name == nil, names.count > 1 {
        throw refused("the image has the names \(names.joined(separator: ", ")); say which of them to squash")
      }
    case .ociArchive, .dockerArchive:
      let digests = Set(images.map(\.digest))
      let isAll = source.images.allSatisfy { digests.contains($0.digest) && $0.names == names }
      if !source.others.isEmpty || !source.missing.isEmpty || !isAll {
        throw refused("--in-place would lose what else is in the archive; write to another file")
      }
    default: throw refused("--in-place needs an OCI layout or an archive in a file")
    }
    return source.resolved
  }
}
