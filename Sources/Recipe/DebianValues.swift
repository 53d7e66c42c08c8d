import Bootstrap
import Posix
import SystemPackage

/// Reads what has to do with Debian's archives: the rules are garboard-bootstrap's own.
struct DebianValues {
  let scope: Scope

  func suite(_ node: YAMLNode?) -> String? {
    scope.value(node, advice: "as trixie or stable") { text in
      try BootstrapRequest(suite: text).validate()
      return text
    }
  }

  /// Names that the request takes where `set` puts them.
  func names(_ node: YAMLNode?, _ set: (inout BootstrapRequest, String) -> Void) -> [String] {
    scope.texts(node) { text in
      var request = BootstrapRequest(suite: "stable")
      set(&request, text)
      try request.validate()
    }
  }

  /// Packages, each with a version or pattern perhaps; commas separate several, as on the command line.
  func packages(_ node: YAMLNode?) -> [String] { names(node) { $0.include = [$1] } }

  /// Mirrors: URLs, lines of sources.list, and files, whose paths start at the recipe's folder.
  func mirrors(_ node: YAMLNode?) -> [String] {
    scope.texts(node).compactMap { text, node in
      if text.hasPrefix("deb ") || text.hasPrefix("deb-src ") { return text }
      if text.contains(":/"), !text.hasPrefix("/"), !text.hasPrefix(".") {
        if text.unicodeScalars.contains(where: { $0.value <= 0x20 }) {
          scope.problems.add(
            node.location, "\(shown(text)) is no URL of a mirror", advice: "URLs have no spaces")
          return nil
        }
        return text
      }
      return scope.existing(scope.resolved(text), .file, node)?.string
    }
  }

  func hooks(_ node: YAMLNode?) -> Recipe.Hooks {
    var hooks = Recipe.Hooks()
    guard let node else { return hooks }
    var reader = MappingReader(node, "hooks", scope)
    hooks.setup = scope.texts(reader.take("setup")).map(\.text)
    hooks.extract = scope.texts(reader.take("extract")).map(\.text)
    hooks.essential = scope.texts(reader.take("essential")).map(\.text)
    hooks.customize = scope.texts(reader.take("customize")).map(\.text)
    reader.finish()
    return hooks
  }
}
