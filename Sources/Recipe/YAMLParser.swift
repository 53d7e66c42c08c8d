import CYAML
import SystemPackage

/// Reads one YAML document into nodes, with libyaml.
///
/// What a recipe has no use for is refused, because it is either a mistake or an attack: several documents, tags,
/// anchors and aliases, keys that are no text, the same key twice, and more than anybody writes by hand.
/// <https://yaml.org/spec/1.1/>
struct YAMLParser: ~Copyable {
  /// The largest file, in bytes.
  static let maximalSize = 1 << 20
  /// How deep lists and mappings may be nested.
  static let maximalDepth = 20

  private let file: FilePath
  private let bytes: [UInt8]
  /// libyaml keeps pointers into the parser itself, so it must not move.
  private let parser: UnsafeMutablePointer<yaml_parser_t>

  /// The nodes of a file.
  ///
  /// - Throws: the first error, since what follows it means nothing.
  static func parse(_ given: [UInt8], file: FilePath) throws(RecipeError) -> YAMLNode {
    // A byte order mark, as some editors write it, is no character of the first line.
    let bytes = given.starts(with: [0xef, 0xbb, 0xbf]) ? Array(given[3...]) : given
    try checkText(bytes, file: file)
    // libyaml reads from the memory while events are asked for.
    let memory = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: max(1, bytes.count))
    defer { memory.deallocate() }
    _ = memory.update(fromContentsOf: bytes)
    let parser = YAMLParser(file: file, bytes: bytes)
    yaml_parser_set_encoding(parser.parser, YAML_UTF8_ENCODING)
    yaml_parser_set_input_string(parser.parser, memory.baseAddress, bytes.count)
    return try parser.document()
  }

  private init(file: FilePath, bytes: [UInt8]) {
    self.file = file
    self.bytes = bytes
    parser = .allocate(capacity: 1)
    parser.initialize(to: yaml_parser_t())
    guard yaml_parser_initialize(parser) == 1 else { preconditionFailure("no memory for a YAML parser") }
  }

  deinit {
    yaml_parser_delete(parser)
    parser.deallocate()
  }

  /// Refuses what is too large, and what is no UTF-8, at the byte where that shows.
  private static func checkText(_ bytes: [UInt8], file: FilePath) throws(RecipeError) {
    if bytes.count > maximalSize {
      throw RecipeError(
        RecipeLocation(file: file, line: 1, column: 1), "the file is larger than \(maximalSize >> 10) KiB",
        advice: "a recipe is a text of some lines")
    }
    if String(validating: bytes, as: UTF8.self) != nil { return }
    var offset = 0
    for line in bytes.split(separator: 0x0a, omittingEmptySubsequences: false) {
      if String(validating: line, as: UTF8.self) != nil {
        offset = line.endIndex + 1
        continue
      }
      // A character has four bytes at most, so the bad one is that close to the end of what is good.
      while let next = (1...4).first(where: { count in
        line.endIndex - offset >= count
          && String(validating: line[offset..<(offset + count)], as: UTF8.self) != nil
      }) { offset += next }
      break
    }
    throw RecipeError(
      location(of: offset, in: bytes, file), "this is no UTF-8 text", advice: "save the file as UTF-8")
  }

  /// The place of a byte in a text.
  private static func location(of offset: Int, in bytes: [UInt8], _ file: FilePath) -> RecipeLocation {
    let before = bytes.prefix(offset)
    let line = before[((before.lastIndex(of: 0x0a) ?? -1) + 1)...]
    return RecipeLocation(
      file: file, line: before.count { $0 == 0x0a } + 1,
      column: String(decoding: line, as: UTF8.self).unicodeScalars.count + 1)
  }

  private func location(_ mark: yaml_mark_t) -> RecipeLocation {
    RecipeLocation(file: file, line: Int(mark.line) + 1, column: Int(mark.column) + 1)
  }

  /// The next event; the caller deletes it.
  private func next() throws(RecipeError) -> yaml_event_t {
    var event = yaml_event_t()
    if yaml_parser_parse(parser, &event) == 1 { return event }
    let problem = parser.pointee.problem.map { String(cString: $0) } ?? "it can't be read"
    let place =
      switch parser.pointee.error {
      // The reader knows the byte, and no line.
      case YAML_READER_ERROR: Self.location(of: parser.pointee.problem_offset, in: bytes, file)
      case YAML_MEMORY_ERROR: RecipeLocation(file: file, line: 1, column: 1)
      default: location(parser.pointee.problem_mark)
      }
    throw RecipeError(place, "this is no YAML: \(problem)", advice: Self.advice[problem])
  }

  /// What helps against the errors that people make most.
  private static let advice = [
    "found character that cannot start any token": "indent with spaces, and quote what starts with @, ` or %",
    "mapping values are not allowed in this context": "quote a text that has \": \" in it",
    "could not find expected ':'": "a key is followed by \": \"",
    "did not find expected key": "look at the indentation, and quote what has { or [ or # in it",
    "control characters are not allowed": "write \"\\x01\" in double quotes",
  ]

  private func document() throws(RecipeError) -> YAMLNode {
    var root: YAMLNode?
    while true {
      var event = try next()
      let place = location(event.start_mark)
      let type = event.type
      yaml_event_delete(&event)
      switch type {
      case YAML_STREAM_END_EVENT:
        guard let root, !root.isNull else {
          throw RecipeError(
            RecipeLocation(file: file, line: 1, column: 1), "the file is empty",
            advice: "a recipe has at least name and source")
        }
        return root
      case YAML_DOCUMENT_START_EVENT:
        if root != nil {
          throw RecipeError(place, "a second document starts here", advice: "put it into a file of its own")
        }
        root = try node(try next(), depth: 0)
      default: break
      }
    }
  }

  private func node(_ event: consuming yaml_event_t, depth: Int) throws(RecipeError) -> YAMLNode {
    defer { yaml_event_delete(&event) }
    let place = location(event.start_mark)
    if depth > Self.maximalDepth {
      throw RecipeError(place, "this is nested more than \(Self.maximalDepth) levels deep")
    }
    switch event.type {
    case YAML_SCALAR_EVENT:
      let scalar = event.data.scalar
      try refuse(tag: scalar.tag, anchor: scalar.anchor, at: place)
      let bytes = UnsafeBufferPointer(start: scalar.value, count: scalar.length)
      let text = String(decoding: bytes, as: UTF8.self)
      if text.utf8.contains(0) { throw RecipeError(place, "a text can't hold a NUL") }
      return YAMLNode(
        content: .scalar(text, isPlain: scalar.style == YAML_PLAIN_SCALAR_STYLE), location: place)
    case YAML_SEQUENCE_START_EVENT:
      try refuse(tag: event.data.sequence_start.tag, anchor: event.data.sequence_start.anchor, at: place)
      var items: [YAMLNode] = []
      while true {
        var item = try next()
        if item.type == YAML_SEQUENCE_END_EVENT {
          yaml_event_delete(&item)
          return YAMLNode(content: .sequence(items), location: place)
        }
        items.append(try node(item, depth: depth + 1))
      }
    case YAML_MAPPING_START_EVENT:
      try refuse(tag: event.data.mapping_start.tag, anchor: event.data.mapping_start.anchor, at: place)
      return YAMLNode(content: .mapping(try members(depth: depth)), location: place)
    default:
      throw RecipeError(
        place, "aliases of YAML are not read", advice: "use a variable: variables: {name: …}, then ${name}")
    }
  }

  private func members(depth: Int) throws(RecipeError) -> [YAMLNode.Member] {
    var members: [YAMLNode.Member] = []
    var lines: [String: Int] = [:]
    while true {
      var event = try next()
      if event.type == YAML_MAPPING_END_EVENT {
        yaml_event_delete(&event)
        return members
      }
      let key = try node(event, depth: depth + 1)
      guard case .scalar(let name, _) = key.content else {
        throw RecipeError(key.location, "a key must be a text, and this is \(key.kind)")
      }
      if let line = lines.updateValue(key.location.line, forKey: name) {
        throw RecipeError(
          key.location, "the key \(shown(name)) is here twice: line \(line) has it",
          advice: "keep one of them")
      }
      members.append(
        YAMLNode.Member(
          key: name, keyLocation: key.location, value: try node(try next(), depth: depth + 1)))
    }
  }

  private func refuse(
    tag: UnsafeMutablePointer<UInt8>?, anchor: UnsafeMutablePointer<UInt8>?, at place: RecipeLocation
  ) throws(RecipeError) {
    if let tag {
      throw RecipeError(
        place, "tags of YAML, as \(shown(String(cString: tag))), are not read",
        advice: "leave it out: all values are texts")
    }
    if anchor != nil {
      throw RecipeError(
        place, "anchors of YAML are not read",
        advice: "use a variable: variables: {name: …}, then ${name}")
    }
  }
}
