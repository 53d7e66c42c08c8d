/// Why a stage is built and not taken from the cache.
public struct BuildReason: Sendable, Equatable, CustomStringConvertible {
  /// In a person's words, the first the most important.
  public var sentences: [String]

  /// All of them.
  public var description: String { sentences.joined(separator: "; ") }

  static let neverBuilt = BuildReason(sentences: ["never built"])

  static func evicted(_ count: Int) -> BuildReason {
    BuildReason(sentences: [
      count == 1
        ? "evicted: a blob of it is no longer in the cache"
        : "evicted: \(count) blobs of it are no longer in the cache"
    ])
  }

  /// What makes the difference between what went into a stage before and now.
  init(from old: StageKey, to new: StageKey, listings: (String) -> [String: String]?) {
    sentences = []
    func pairs(_ kind: StageKey.Kind) -> [(name: String, old: String?, new: String?)] {
      let before = old.parts.filter { $0.kind == kind }
      let now = new.parts.filter { $0.kind == kind }
      var names: [String] = []
      for part in before + now where !names.contains(part.name) { names.append(part.name) }
      return names.compactMap { name in
        let (one, other) = (
          before.first { $0.name == name }?.value, now.first { $0.name == name }?.value
        )
        return one == other ? nil : (name, one, other)
      }
    }
    let words = pairs(.arguments).map { Self.arguments($0.old, $0.new) }
    if !words.isEmpty { sentences.append("recipe changed: " + words.joined(separator: ", ")) }
    for (name, one, other) in pairs(.file) {
      switch (one, other) {
      case (nil, _?): sentences.append("\(name) is new")
      case (_?, nil): sentences.append("\(name) is needed no more")
      case (let one?, let other?):
        sentences.append("\(name) changed" + Self.files(listings(one), listings(other)))
      default: break
      }
    }
    for (name, one, other) in pairs(.base) {
      let change = [one, other].map { $0.map { String($0.dropFirst(7).prefix(12)) } ?? "none" }
      sentences.append("base \(name) changed: \(change.joined(separator: " -> "))")
    }
    for (name, one, other) in pairs(.packages) {
      let what = name.isEmpty ? "packages" : name
      sentences.append("\(what) changed: " + PackageList.change(from: one ?? "", to: other ?? ""))
    }
    if !pairs(.mirrors).isEmpty { sentences.append("mirrors changed") }
    for (name, one, other) in pairs(.source) { sentences.append(Self.source(name, one, other)) }
    for (name, _, _) in pairs(.machine) { sentences.append("\(name) of this machine changed") }
    if let (_, one, other) = pairs(.epoch).first {
      sentences.append("SOURCE_DATE_EPOCH changed: \(one ?? "none") -> \(other ?? "none")")
    }
    if let (_, one, other) = pairs(.platform).first {
      sentences.append("platform changed: \(one ?? "") -> \(other ?? "")")
    }
    for (name, _, _) in pairs(.tool) { sentences.append("tool changed: \(name)") }
    if sentences.isEmpty { sentences = ["order of what goes into it changed"] }
  }

  init(sentences: [String]) { self.sentences = sentences }

  private static func arguments(_ old: String?, _ new: String?) -> String {
    let before = JSONText.texts(old ?? "").map { $0.replacing("\u{1f}", with: " ") }
    let now = JSONText.texts(new ?? "").map { $0.replacing("\u{1f}", with: " ") }
    // Each as often as it is there: options may be repeated.
    var rest = before
    var added: [String] = []
    for word in now {
      if let index = rest.firstIndex(of: word) { rest.remove(at: index) } else { added.append(word) }
    }
    let words = added.map { "+ \(shortened($0))" } + rest.map { "- \(shortened($0))" }
    return words.isEmpty ? "the order of options" : words.joined(separator: ", ")
  }

  /// What became of something from elsewhere.
  private static func source(_ name: String, _ old: String?, _ new: String?) -> String {
    guard let old else { return "\(name) is new" }
    guard let new else { return "\(name) is needed no more" }
    // A digest, and of a file its time.
    let (one, other) = (old.split(separator: " "), new.split(separator: " "))
    guard let was = one.first, let now = other.first, was.hasPrefix("sha256:"), now.hasPrefix("sha256:")
    else {
      return "\(name) changed"
    }
    if was == now { return "\(name) has another time" }
    return "\(name) is now \(now.prefix(19))…, was \(was.prefix(19))…"
  }

  private static func shortened(_ text: String) -> String {
    let line = text.replacing("\n", with: " ")
    return line.count > 100 ? line.prefix(99) + "…" : line
  }

  /// Which files of a folder differ; nothing where that isn't known.
  private static func files(_ old: [String: String]?, _ new: [String: String]?) -> String {
    guard let old, let new else { return "" }
    let changed = Set(old.keys).union(new.keys).filter { old[$0] != new[$0] && !$0.isEmpty }.sorted {
      $0.utf8.lexicographicallyPrecedes($1.utf8)
    }
    if changed.isEmpty { return "" }
    let shown = changed.prefix(3).joined(separator: ", ")
    return " (\(shown)" + (changed.count > 3 ? " and \(changed.count - 3) more)" : ")")
  }
}
