public import Codec
import Digest
import OCI
import Posix

/// Something about an image that is not as it should be.
public struct ImageProblem: Hashable, Sendable, CustomStringConvertible {
  /// Where: "layer 2", "configuration".
  public var place: String
  /// What.
  public var problem: String

  /// "layer 2: its diff ID is …".
  public var description: String { "\(place): \(problem)" }
}

extension Image {
  /// Recomputes every fact of the image from its bytes, and compares with what is stated.
  ///
  /// Reads all layers. The digests of manifest and configuration were verified when the image was found.
  ///
  /// - Returns: what is wrong, in the order of the layers; empty for a good image.
  /// - Throws: errors of the system; what is wrong with the image itself is in the result.
  public func validate(limits: ExpansionLimits = .default) throws -> [ImageProblem] {
    var problems: [ImageProblem] = []
    func note(_ place: String, _ problem: String) {
      problems.append(ImageProblem(place: place, problem: problem))
    }
    let history = config.content.history.filter { !$0.emptyLayer }.count
    if !config.content.history.isEmpty, history != layers.count {
      note("configuration", "its history tells of \(history) layers, there are \(layers.count)")
    }
    if let stated = descriptor.platform, stated.normalised.key != platform.normalised.key {
      note("index", "it says \(stated), the configuration says \(platform)")
    }
    if manifest.content.config.digest != config.digest || manifest.content.config.size != config.size {
      note("manifest", "its configuration is another one")
    }
    for (index, layer) in layers.enumerated() {
      let place = "layer \(index + 1)"
      do {
        for problem in try layer.validate(limits: limits) { note(place, problem) }
      } catch let error as ImageError {
        note(place, "\(error.reason)")
      } catch let error as CodecError {
        note(place, "\(error)")
      }
    }
    return problems
  }
}

extension Layer {
  fileprivate func validate(limits: ExpansionLimits) throws -> [String] {
    guard let stated = descriptor.mediaType.compression else {
      return ["its media type \(descriptor.mediaType) is no layer's"]
    }
    let source = try Decompressor(try open(), limits: limits)
    if source.compression.rawValue != stated.rawValue {
      return ["its media type says \(stated.rawValue), its content is \(source.compression.rawValue)"]
    }
    var hash = SHA256()
    while case let bytes = try source.next(), !bytes.isEmpty { hash.update(bytes) }
    let found = hash.finish()
    return found == diffID ? [] : ["its diff ID is \(found), but the configuration says \(diffID)"]
  }
}

extension Platform {
  /// What must agree between an index and a configuration.
  fileprivate var key: [String] { [os, architecture, variant ?? ""] }
}
