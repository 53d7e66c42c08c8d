/// The grammar of dependency fields: policy, 7.1, and deb-control(5).
extension Dependency {
  /// What a field that allows alternatives says; a comma at its end is no error.
  ///
  /// - Throws: `DependencyError` with the words that are no relation.
  public static func parse(_ field: UnsafeRawBufferPointer) throws(DependencyError) -> [Dependency] {
    var scanner = RelationScanner(field)
    var result: [Dependency] = []
    while true {
      scanner.skip { $0 <= 0x20 || $0 == 0x2c }
      if scanner.isAtEnd { return result }
      var alternatives = [try scanner.relation()]
      while scanner.take(0x7c) { alternatives.append(try scanner.relation()) }
      if !scanner.isAtEnd, !scanner.take(0x2c) { throw scanner.failure() }
      result.append(Dependency(alternatives))
    }
  }

  /// The same of text.
  public static func parse(_ field: String) throws(DependencyError) -> [Dependency] {
    var field = field
    var outcome: Result<[Dependency], DependencyError> = .success([])
    field.withUTF8 { bytes in
      do throws(DependencyError) {
        outcome = .success(try parse(UnsafeRawBufferPointer(bytes)))
      } catch {
        outcome = .failure(error)
      }
    }
    return try outcome.get()
  }
}

extension PackageRelation {
  /// What a field without alternatives says: Conflicts, Breaks, Replaces, Provides.
  ///
  /// - Throws: `DependencyError`, also for alternatives.
  public static func parseList(_ field: UnsafeRawBufferPointer) throws(DependencyError) -> [PackageRelation] {
    var list: [PackageRelation] = []
    for dependency in try Dependency.parse(field) {
      if dependency.alternatives.count > 1 { throw DependencyError(words: dependency.description) }
      list += dependency.alternatives
    }
    return list
  }

  /// Whether the restrictions in `[…]` and `<…>` leave the relation standing for an architecture and a
  /// set of build profiles.
  public func applies(to architecture: String, profiles active: Set<String> = []) -> Bool {
    if !architectures.isEmpty {
      let isNegative = architectures[0].hasPrefix("!")
      let isNamed = architectures.contains { word in
        let name = isNegative ? String(word.dropFirst()) : word
        return name == architecture || name == "any" || name == "linux-any" || name == "any-" + architecture
          || name == "linux-" + architecture
      }
      if isNamed == isNegative { return false }
    }
    if profiles.isEmpty { return true }
    return profiles.contains { list in
      list.allSatisfy { $0.hasPrefix("!") ? !active.contains(String($0.dropFirst())) : active.contains($0) }
    }
  }
}

/// Words in a dependency field that are no relation.
public struct DependencyError: Error, Sendable, Equatable, CustomStringConvertible {
  /// What stands there.
  public var words: String
  /// "… is no dependency".
  public var description: String { "\"\(words.prefix(100))\" is no dependency" }
}

private struct RelationScanner {
  private let bytes: UnsafeRawBufferPointer
  private var index = 0

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  var isAtEnd: Bool { index >= bytes.count }

  mutating func skip(_ condition: (UInt8) -> Bool) {
    while index < bytes.count, condition(bytes[index]) { index += 1 }
  }

  /// Goes over blanks, and over `byte` if it is next.
  mutating func take(_ byte: UInt8) -> Bool {
    skip { $0 <= 0x20 }
    guard index < bytes.count, bytes[index] == byte else { return false }
    index += 1
    return true
  }

  func failure() -> DependencyError {
    DependencyError(words: String(decoding: bytes[min(index, bytes.count)...], as: UTF8.self))
  }

  private mutating func word(until stops: StaticString) -> String {
    let stops = UnsafeRawBufferPointer(start: stops.utf8Start, count: stops.utf8CodeUnitCount)
    let start = index
    skip { byte in byte > 0x20 && !stops.contains(byte) }
    return String(decoding: bytes[start..<index], as: UTF8.self)
  }

  mutating func relation() throws(DependencyError) -> PackageRelation {
    skip { $0 <= 0x20 }
    let name = word(until: ",|()[]<>:")
    if name.isEmpty { throw failure() }
    var relation = PackageRelation(name: name)
    if index < bytes.count, bytes[index] == 0x3a {
      index += 1
      switch word(until: ",|()[]<>:") {
      case "": throw failure()
      case "any": relation.qualifier = .any
      case "native": relation.qualifier = .native
      case let architecture: relation.qualifier = .named(architecture)
      }
    }
    if take(0x28) { try readVersion(&relation) }
    if take(0x5b) { relation.architectures = try list(until: 0x5d) }
    while take(0x3c) { relation.profiles.append(try list(until: 0x3e)) }
    skip { $0 <= 0x20 }
    return relation
  }

  private mutating func readVersion(_ relation: inout PackageRelation) throws(DependencyError) {
    skip { $0 <= 0x20 }
    let start = index
    skip { $0 == 0x3c || $0 == 0x3d || $0 == 0x3e }
    switch String(decoding: bytes[start..<index], as: UTF8.self) {
    case "<<": relation.relation = .earlier
    // The single ones are obsolete and mean this: deb-control(5).
    case "<=", "<": relation.relation = .earlierOrEqual
    case "=": relation.relation = .equal
    case ">=", ">": relation.relation = .laterOrEqual
    case ">>": relation.relation = .later
    default: throw failure()
    }
    skip { $0 <= 0x20 }
    let version = word(until: ",|()[]<>")
    if version.isEmpty { throw failure() }
    relation.version = PackageVersion(version)
    if !take(0x29) { throw failure() }
  }

  private mutating func list(until end: UInt8) throws(DependencyError) -> [String] {
    var words: [String] = []
    while !take(end) {
      let word = word(until: ",|()[]<>")
      if word.isEmpty { throw failure() }
      words.append(word)
    }
    if words.isEmpty { throw failure() }
    return words
  }
}
