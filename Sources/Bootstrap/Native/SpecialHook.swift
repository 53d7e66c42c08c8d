/// A hook that moves files between the machine and the root: mmdebstrap(1), SPECIAL HOOKS.
struct SpecialHook: Sendable, Equatable {
  /// What it does.
  enum Kind: String, Sendable, CaseIterable {
    /// Files and directories into a directory of the root.
    case copyIn = "copy-in"
    /// Files and directories of the root into a directory.
    case copyOut = "copy-out"
    /// What a directory holds into a directory of the root.
    case syncIn = "sync-in"
    /// What a directory of the root holds into a directory.
    case syncOut = "sync-out"
    /// What an archive holds into a directory of the root.
    case tarIn = "tar-in"
    /// A file or directory of the root into an archive.
    case tarOut = "tar-out"
    /// A file's content into a file of the root.
    case upload
    /// The content of a file of the root into a file.
    case download

    /// Whether it goes into the root.
    var isInward: Bool {
      switch self {
      case .copyIn, .syncIn, .tarIn, .upload: true
      case .copyOut, .syncOut, .tarOut, .download: false
      }
    }
  }

  var kind: Kind
  /// What is read.
  var sources: [String]
  /// Where it goes.
  var target: String

  /// The special hook of a hook's text; nil for a command.
  ///
  /// - Throws: `BootstrapError.badArgument` for one without a source or a target, or with an open quote.
  init?(_ text: String) throws(BootstrapError) {
    guard let kind = Kind.allCases.first(where: { text.hasPrefix($0.rawValue + " ") }) else { return nil }
    guard let words = Self.words(text), words.count >= 3 else {
      throw .badArgument(what: "hook \(kind.rawValue): it takes what is read, and where it goes", value: text)
    }
    self.kind = kind
    sources = Array(words[1..<(words.count - 1)])
    target = words[words.count - 1]
  }

  /// The special hooks of a request, in the order in which they run.
  static func all(_ hooks: [String]) throws(BootstrapError) -> [SpecialHook] {
    var list: [SpecialHook] = []
    for hook in hooks { if let special = try SpecialHook(hook) { list.append(special) } }
    return list
  }

  /// Divides at blanks as a shell does, with its three ways of quoting and nothing else of it; nil where a
  /// quote is not closed.
  private static func words(_ text: String) -> [String]? {
    var words: [String] = []
    var word: [UInt8]?
    var quote: UInt8?
    var bytes = text.utf8.makeIterator()
    while let byte = bytes.next() {
      switch (byte, quote) {
      case (0x5c, nil):
        guard let next = bytes.next() else { return nil }
        word = (word ?? []) + [next]
      case (0x5c, 0x22):
        guard let next = bytes.next() else { return nil }
        word = (word ?? []) + (next == 0x22 || next == 0x5c ? [next] : [byte, next])
      case (0x22, nil), (0x27, nil):
        quote = byte
        word = word ?? []
      case (let byte, .some(let open)) where byte == open: quote = nil
      case (0x20, nil), (0x09, nil), (0x0a, nil):
        if let word { words.append(String(decoding: word, as: UTF8.self)) }
        word = nil
      default: word = (word ?? []) + [byte]
      }
    }
    if quote != nil { return nil }
    if let word { words.append(String(decoding: word, as: UTF8.self)) }
    return words
  }
}
