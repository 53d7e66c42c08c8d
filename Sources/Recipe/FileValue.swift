import Posix
import Scratch
import SystemPackage

/// Reads files that become part of an image, and where they go.
struct FileValue {
  let scope: Scope
  /// Whether they are the host's; else they are of the root that the recipe names.
  let isOfHost: Bool

  /// `FILE[:DEST]`: a program.
  func program(_ text: String, _ node: YAMLNode) -> String? {
    do {
      let parts = try FileAndPlace(parsing: text)
      guard let source = source(parts.source, node), isAbsolute(parts.destination, node) else { return nil }
      return source.string + (parts.destination.map { ":" + $0 } ?? "")
    } catch {
      scope.problems.add(node.location, "\(error)")
      return nil
    }
  }

  /// `SRC:DEST`: any file or folder.
  func addition(_ text: String, _ node: YAMLNode) -> String? {
    if !text.contains(":") {
      scope.problems.add(node.location, "\(shown(text)) doesn't say where it goes", advice: "write SRC:/DEST")
      return nil
    }
    return program(text, node)
  }

  private func source(_ path: FilePath, _ node: YAMLNode) -> FilePath? {
    if isOfHost { return scope.existing(scope.resolved(path.string), .any, node) }
    if path.isAbsolute { return path }
    scope.problems.add(
      node.location, "\(shown(path.string)) must start with \"/\": it is in the root that is named",
      advice: "as /usr/bin/\(path.lastComponent?.string ?? "…")")
    return nil
  }

  private func isAbsolute(_ destination: String?, _ node: YAMLNode) -> Bool {
    guard let destination, !Destination.isGood(destination) else { return true }
    scope.problems.add(node.location, Destination.problem(destination), advice: "as /usr/bin/name")
    return false
  }
}

/// A path in an image.
enum Destination {
  /// Whether it starts at the root and never goes up.
  static func isGood(_ text: String) -> Bool {
    text.hasPrefix("/") && !text.split(separator: "/").contains("..") && !text.contains("\n")
  }

  static func problem(_ text: String) -> String {
    "\(shown(text)) can't be a destination: it starts with \"/\" and has no \"..\""
  }
}
