/// What is asked for by name.
extension PackagePool {
  /// The versions that words of a request name, as apt-get(8) reads them: `name`, `name:arch`,
  /// `name=version`, `name/suite`, `task^`, or a pattern (`?…`, `~…`).
  ///
  /// - Throws: `SolverError` when there is no such package.
  public func find(_ words: String) throws(SolverError) -> [Int] {
    if words.hasPrefix("?") || words.hasPrefix("~") || words.hasPrefix("!") {
      let pattern = try PackagePattern(words)
      let found = try versions(matching: pattern)
      if found.isEmpty { throw .noMatch(words) }
      return found
    }
    if words.hasSuffix("^") { return try task(String(words.dropLast())) }
    var name = Substring(words)
    var wantedVersion: String?
    var wantedSuite: String?
    if let mark = name.firstIndex(of: "=") {
      wantedVersion = String(name[name.index(after: mark)...])
      name = name[..<mark]
    } else if let mark = name.firstIndex(of: "/") {
      wantedSuite = String(name[name.index(after: mark)...])
      name = name[..<mark]
    }
    if let colon = name.firstIndex(of: ":") {
      let suffix = name[name.index(after: colon)...]
      if suffix != architecture && suffix != "native" && suffix != "any" && suffix != "all" {
        throw .foreign(words)
      }
      name = name[..<colon]
    }
    return [try find(String(name), version: wantedVersion, suite: wantedSuite)]
  }

  private func find(_ name: String, version: String?, suite: String?) throws(SolverError) -> Int {
    let package = package(named: name)
    if packages[package].versions.isEmpty {
      let providers: [Provider]
      do { providers = try self.providers(of: package) } catch { throw .syntax(error) }
      let owners = providers.map { versions[$0.version].package }
        .filter { owner in providers.contains { $0.version == candidate(of: owner) } }
      // As apt: a name that one package alone provides stands for it.
      if Set(owners).count == 1, let only = candidate(of: owners[0]), version == nil, suite == nil {
        return only
      }
      if owners.isEmpty { throw .noPackage(name) }
      throw .onlyProvided(name, by: Array(Set(owners.map(self.name))).sorted())
    }
    if let version {
      let known = packages[package].versions
      guard let found = known.first(where: { versions[$0].version.text == version }) else {
        throw .noVersion(package: name, version: version, known: known.map { versions[$0].version.text })
      }
      return found
    }
    if let suite {
      let found = packages[package].versions.first { version in
        versions[version].sources.contains { isNamed(sources[$0], suite) }
      }
      guard let found else { throw .notInSuite(package: name, suite: suite) }
      return found
    }
    guard let found = candidate(of: package) else { throw .noPackage(name) }
    return found
  }

  func isNamed(_ source: Source, _ suite: String) -> Bool {
    source.archive == suite || source.codename == suite || source.suite == suite
  }

  private func task(_ name: String) throws(SolverError) -> [Int] {
    try matchingCandidates(name + "^") { version throws(SyntaxError) in
      try self.field("Task", of: version).split { $0 == "," || $0 == " " }.contains { $0 == name }
    }
  }

  /// All candidates that a condition holds for, in the order of the indexes.
  private func matchingCandidates(
    _ words: String, _ condition: (Int) throws(SyntaxError) -> Bool
  ) throws(SolverError) -> [Int] {
    var found: [Int] = []
    do throws(SyntaxError) {
      for (source, origin) in sources.enumerated() {
        for record in 0..<origin.index.count {
          guard let version = version(source: source, record: record), versions[version].source == source,
            candidate(of: versions[version].package) == version, try condition(version)
          else { continue }
          found.append(version)
        }
      }
    } catch {
      throw .syntax(error)
    }
    if found.isEmpty { throw .noMatch(words) }
    return found
  }

  /// The text of a field of a version's paragraph; empty when it has none.
  func field(_ name: StaticString, of version: Int) throws(SyntaxError) -> String {
    let origin = sources[versions[version].source]
    guard let stanza = origin.index.stanza(of: versions[version].record) else {
      throw SyntaxError(file: "the index of \(origin.suite)", line: 1, .damaged)
    }
    var reader = ControlReader(stanza, file: "the index of \(origin.suite)")
    var paragraph = ControlParagraph()
    _ = try reader.next(&paragraph)
    return paragraph.bytes(of: name).map { String(decoding: $0, as: UTF8.self) } ?? ""
  }
}

/// What others may ask about a version by its number.
extension PackagePool {
  /// The name of the package that a version is of.
  public func packageName(of version: Int) -> String { name(versions[version].package) }
  /// A version's priority.
  public func priorityOfPackage(_ version: Int) -> PackageRecord.Priority? { priority(version) }
}
