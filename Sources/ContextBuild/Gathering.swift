import Archive
import Cache
import Dockerfile
import Posix
import Rootfs

/// One of the things that an instruction copies, with all that is in it.
struct GatheredSource {
  /// How it is called in the destination: the last part of its path.
  var name: [UInt8]
  /// The directories above it that `--parents` keeps, from the top.
  var parents: [SourceEntry] = []
  /// Itself, and where it is a directory what is in it, each with its path from there.
  var entries: [(path: EntryPath, source: SourceEntry)]
  /// A URL or an archive's own rules apply.
  var isArchive = false

  var isDirectory: Bool { entries.first?.source.entry.kind == .directory }
}

extension GatheredSource {
  /// Adds all that may show in a layer to its key: content, modes, times; owners are the instruction's.
  func add(to key: inout CacheKeyBuilder) {
    key.add("source", name)
    var links: [LinkKey: Int] = [:]
    for (path, source) in parents.map({ ($0.entry.path, $0) }) + entries.map({ ($0.path, $0.source) }) {
      let entry = source.entry
      key.add("path", path.bytes)
      key.add("entry", "\(entry.kind) \(entry.mode) \(entry.size) \(entry.deviceMajor):\(entry.deviceMinor)")
      key.add("modified", entry.modified.seconds)
      key.add("target", entry.linkTarget)
      for attribute in entry.attributes {
        key.add("attribute", attribute.name)
        key.add("value", attribute.value)
      }
      if let link = source.link {
        let number = links[link] ?? links.count
        links[link] = number
        key.add("link", number)
      }
      if case .context(_, _, let digest) = source.origin { key.add("content", digest) }
    }
  }
}

/// Finds what the sources of `COPY` and `ADD` name in a tree.
struct Gathering {
  let tree: any SourceTree
  /// What the tree is called in messages.
  let name: String
  let excludes: IgnorePatterns
  let keepsParents: Bool

  /// What a path or pattern leads to, in bytewise order.
  func gather(_ text: String, at position: SourcePosition) throws -> [GatheredSource] {
    let bytes = Array(text.utf8)
    if bytes.contains(0) { throw StepProblem("the source has a NUL byte", at: position) }
    let parts = bytes.split(separator: 0x2f).filter { $0 != [0x2e] || keepsParents }
    let isPattern = FilePattern.isPattern(text)
    if text.isEmpty { throw StepProblem("a source is empty", at: position) }
    // What --parents keeps starts after "/./".
    let pivot = keepsParents ? parts.dropFirst().firstIndex { $0 == [0x2e] } ?? -1 : -1
    let real = parts.enumerated().filter { $0.element != [0x2e] }
    let kept = real.firstIndex { $0.offset > pivot } ?? 0
    let names = real.map(\.element)
    var found: [[ArraySlice<UInt8>]] = [[]]
    if isPattern {
      for part in names {
        found = try matches(part, in: found, at: position)
      }
    } else {
      found = [names]
    }
    var result: [GatheredSource] = []
    for path in found {
      if let source = try one(path, keptFrom: kept, at: position) { result.append(source) }
    }
    if result.isEmpty, !(isPattern && !excludes.isEmpty && !found.isEmpty) {
      let what = isPattern ? "nothing in \(name) matches" : "there is nothing in \(name) at"
      throw StepProblem("\(what) \"\(displayed(bytes))\"", at: position)
    }
    return result
  }

  private func matches(
    _ part: ArraySlice<UInt8>, in directories: [[ArraySlice<UInt8>]], at position: SourcePosition
  ) throws -> [[ArraySlice<UInt8>]] {
    let text = String(decoding: part, as: UTF8.self)
    if keepsParents, text == "**" { return try directories.flatMap(below) }
    guard FilePattern.isPattern(text) else { return directories.map { $0 + [part] } }
    guard let pattern = FilePattern(text) else {
      throw StepProblem("\"\(text)\" is not a well-formed pattern", at: position)
    }
    var result: [[ArraySlice<UInt8>]] = []
    for directory in directories {
      let path = try tree.resolve(directory, followsLast: true)
      guard try tree.entry(at: path)?.entry.kind == .directory else { continue }
      for name in try tree.names(in: path) where pattern.matches(name) {
        result.append(directory + [name[...]])
      }
    }
    return result
  }

  /// A directory and all directories in it.
  private func below(_ directory: [ArraySlice<UInt8>]) throws -> [[ArraySlice<UInt8>]] {
    let path = try tree.resolve(directory, followsLast: true)
    guard try tree.entry(at: path)?.entry.kind == .directory else { return [] }
    var result = [directory]
    for name in try tree.names(in: path) {
      guard try tree.entry(at: try path.appending(name))?.entry.kind == .directory else { continue }
      result += try below(directory + [name[...]])
    }
    return result
  }

  private func one(
    _ path: [ArraySlice<UInt8>], keptFrom kept: Int, at position: SourcePosition
  ) throws -> GatheredSource? {
    let place = try tree.resolve(path, followsLast: true)
    guard let source = try tree.entry(at: place) else {
      let plain = try tree.resolve(path, followsLast: false)
      if let link = try tree.entry(at: plain), link.entry.kind == .symlink {
        let target = displayed(link.entry.linkTarget)
        throw StepProblem(
          "\"\(plain)\" is a symbolic link to \"\(target)\", which is not in \(name)", at: position)
      }
      return nil
    }
    let normal = path.filter { $0 != [0x2e, 0x2e] }
    let last = normal.last.map(Array.init) ?? []
    var gathered = GatheredSource(name: last, entries: [])
    if keepsParents, kept < path.count {
      for count in kept..<(path.count - 1) {
        let above = try tree.resolve(Array(path[...count]), followsLast: true)
        guard let directory = try tree.entry(at: above) else { continue }
        let relative = EntryPath(parts: Array(path[kept...count]))
        gathered.parents.append(
          SourceEntry(entry: LayerPlan.renamed(directory.entry, relative), origin: .none))
      }
    }
    if source.entry.kind == .directory {
      gathered.entries.append((.root, source))
      try add(place, .root, to: &gathered)
    } else {
      if excludes.ignores(last) { return nil }
      gathered.entries.append((.root, try withData(source)))
    }
    return gathered
  }

  private func add(_ directory: EntryPath, _ path: EntryPath, to gathered: inout GatheredSource) throws {
    for name in try tree.names(in: directory) {
      let child = try path.appending(name)
      let isExcluded = excludes.ignores(child.bytes)
      guard let source = try tree.entry(at: try directory.appending(name)) else { continue }
      if source.entry.kind != .directory {
        if !isExcluded { gathered.entries.append((child, try withData(source))) }
        continue
      }
      if isExcluded, !excludes.hasExceptions { continue }
      let count = gathered.entries.count
      gathered.entries.append((child, source))
      try add(source.entry.path, child, to: &gathered)
      // It stays only for the sake of what is taken in again.
      if isExcluded, gathered.entries.count == count + 1 { gathered.entries.removeLast() }
    }
  }

  private func withData(_ source: SourceEntry) throws -> SourceEntry {
    guard let context = tree as? ContextTree, source.entry.kind == .file else { return source }
    var source = source
    source.origin = .context(context, source.entry, digest: try context.digest(of: source.entry))
    return source
  }
}
