import Codec
import Image
import SystemPackage

extension Scope {
  /// A location whose path starts at the recipe's folder.
  func resolved(_ location: ImageLocation) -> ImageLocation {
    location.at { resolved($0.string) }
  }

  /// The location of an image that is there; what is on this host is looked for.
  func image(_ node: YAMLNode) -> String? {
    guard let text = text(node) else { return nil }
    do {
      var location = try ImageLocation(text, for: .input)
      if location == .stream {
        problems.add(node.location, "an image can't come from standard input here", advice: "name a file")
        return nil
      }
      // Whether a colon belongs to the path of a location without prefix shows in the recipe's folder.
      if case .detected = location, !FilePath(text).isAbsolute {
        location = try ImageLocation(resolved(text).string, for: .input)
      } else {
        location = resolved(location)
      }
      if let path = location.path, existing(path, .any, node) == nil { return nil }
      return location.description
    } catch {
      problems.add(node.location, "\(error)")
      return nil
    }
  }
}

/// How layers may be compressed.
enum LayerCompression {
  /// Refuses what the image specification has no media type for.
  static func check(_ text: String) throws {
    let settings = try CompressionSettings(parsing: text)
    guard [.gzip, .zstd, .none].contains(settings.format) else {
      throw ValueProblem("layers are compressed with gzip, zstd or none, and not with \(settings.format)")
    }
  }
}
