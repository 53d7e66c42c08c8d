import Cache
import Digest
import Dockerfile

/// What `COPY` and `ADD` say once variables are put in.
struct TransferWords {
  enum Source {
    case path(String, SourcePosition)
    case text(name: String, [UInt8])
  }

  var sources: [Source] = []
  var destination: String
  var owner: String?
  var modeText: String?
  var mode: ModeChange?
  var checksum: Digest?
  var excludes = IgnorePatterns()
  var keepsParents: Bool
  private var flags: [String] = []

  init(
    _ transfer: Transfer, _ instruction: BuildInstruction, _ lookup: @escaping (String) -> String?
  ) throws {
    for source in transfer.sources {
      switch source {
      case .path(let word): sources.append(.path(try instruction.expand(word, lookup), word.position))
      case .text(let heredoc):
        sources.append(.text(name: heredoc.name, Array(try instruction.expand(heredoc, lookup).utf8)))
      }
    }
    destination = try instruction.expand(transfer.destination, lookup)
    if destination.isEmpty {
      throw instruction.error(.missing("the destination"), at: transfer.destination.position)
    }
    if sources.count > 1, !transfer.keepsParents, !destination.hasSuffix("/"),
      ![".", ".."].contains(destination), !destination.hasSuffix("/.")
    {
      throw instruction.error(
        .refused("several sources go into a directory: end the destination with a slash"),
        at: transfer.destination.position)
    }
    keepsParents = transfer.keepsParents
    if let word = transfer.from { flags.append("--from=\(word.text)") }
    if let word = transfer.owner {
      let text = try instruction.expand(word, lookup)
      owner = text
      flags.append("--chown=\(text)")
    }
    if let word = transfer.mode {
      let text = try instruction.expand(word, lookup)
      guard let change = ModeChange(text) else {
        throw instruction.error(
          .badValue(text, expected: "a mode (octal, or as u+x,go=rX)"), at: word.position)
      }
      mode = change
      flags.append("--chmod=\(text)")
    }
    if let word = transfer.checksum {
      let text = try instruction.expand(word, lookup)
      do { checksum = try Digest(text) } catch {
        throw instruction.error(.refused("--checksum: \(error)"), at: word.position)
      }
      flags.append("--checksum=\(text)")
      let isURL =
        sources.count == 1
        && sources.allSatisfy { source in
          if case .path(let text, _) = source { text.contains("://") } else { false }
        }
      if !isURL { throw instruction.error(.refused("--checksum is for one URL"), at: word.position) }
    }
    if !transfer.excludes.isEmpty {
      var words: [Word] = []
      for word in transfer.excludes {
        let text = try instruction.expand(word, lookup)
        words.append(Word(text: text, position: word.position))
        flags.append("--exclude=\(text)")
      }
      excludes = try IgnorePatterns(words, instruction: instruction.name)
    }
    if transfer.isLinked { flags.append("--link") }
    if transfer.keepsParents { flags.append("--parents") }
    if let unpacks = transfer.unpacks { flags.append("--unpack=\(unpacks)") }
  }

  /// Adds the words to the key of the layer.
  func add(to key: inout CacheKeyBuilder) {
    // Where a stage stands in the Dockerfile says nothing about what is in it: that is added by itself.
    for flag in flags where !flag.hasPrefix("--from=") { key.add("flag", flag) }
    for source in sources {
      switch source {
      case .path(let text, _): key.add("word", text)
      case .text(let name, _): key.add("name", name)
      }
    }
  }

  /// The instruction as the history says it.
  func description(_ name: String) -> String {
    let shown = sources.map { source in
      switch source {
      case .path(let text, _): text
      case .text(let name, _): "<<\(name)"
      }
    }
    return ([name] + flags + shown + [destination]).joined(separator: " ")
  }
}
