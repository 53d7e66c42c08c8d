/// A piece of a YAML file, and where it starts.
struct YAMLNode: Sendable, Equatable {
  enum Content: Sendable, Equatable {
    /// A text; `isPlain` when it has no quotes and is no block.
    case scalar(String, isPlain: Bool)
    case sequence([YAMLNode])
    case mapping([Member])
  }

  struct Member: Sendable, Equatable {
    var key: String
    var keyLocation: RecipeLocation
    var value: YAMLNode
  }

  var content: Content
  var location: RecipeLocation

  /// Whether there is nothing: `key:` alone, `~` or `null`.
  var isNull: Bool {
    guard case .scalar(let text, isPlain: true) = content else { return false }
    return ["", "~", "null", "Null", "NULL"].contains(text)
  }

  /// What it is, for messages.
  var kind: String {
    switch content {
    case .scalar: isNull ? "nothing" : "a text"
    case .sequence: "a list"
    case .mapping: "a mapping"
    }
  }
}
