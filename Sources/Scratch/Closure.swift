import Archive
import ELF
import Posix

/// Puts the libraries into an image that the dynamic loader will look for there.
///
/// Each program is followed as ld.so does it: breadth first, each library by its name once, one that is there
/// under its own name (`DT_SONAME`) not searched again.
final class Closure {
  private let tree: ImageTree
  private let root: SourceTree
  private let environment: [UInt8]
  private var configuration: [[UInt8]]?
  /// Libraries that are only found by the loader's cache: their names and places.
  private(set) var cached: [[UInt8]: (place: [UInt8], elf: ELFHeader)] = [:]
  /// All that was put, in the trees that it is from, without symlinks.
  private(set) var taken: [(tree: SourceTree, place: EntryPath)] = []

  private static let objectLimit = 4096

  /// - Parameters:
  ///   - root: where libraries are taken from.
  ///   - libraryPath: `LD_LIBRARY_PATH` of the image.
  init(into tree: ImageTree, from root: SourceTree, libraryPath: String) {
    self.tree = tree
    self.root = root
    environment = Array(libraryPath.utf8)
  }

  /// A file that is followed: a program, or a library that a program will open by itself.
  struct Start {
    var tree: SourceTree
    /// Without symlinks.
    var place: EntryPath
    /// Where it is in the image.
    var image: EntryPath
    var elf: ELFFile
    var name: String
  }

  /// Puts the interpreter and all libraries of a program.
  ///
  /// - Parameter interpreter: the loader of a library that has none itself.
  /// - Returns: what was not found.
  func follow(_ start: Start, interpreter given: [UInt8]? = nil) throws -> [MissingLibrary] {
    guard let interpreter = start.elf.interpreter ?? given else { return [] }
    var missing: [MissingLibrary] = []
    let program = LoadedObject(
      start.tree, start.place, sourceOrigin: Self.folder(of: start.place),
      imageOrigin: Self.folder(of: start.image),
      elf: start.elf, loader: nil, name: start.name)
    guard let loader = try root.file(interpreter) else {
      return [MissingLibrary(name: displayed(interpreter), neededBy: start.name, foreign: nil)]
    }
    let loaderELF = try root.elf(loader.path)
    if !loaderELF.header.isCompatible(with: start.elf.header) {
      return [
        MissingLibrary(name: displayed(interpreter), neededBy: start.name, foreign: root.shown(loader.path))
      ]
    }
    try put(loader, of: root, image: interpreter, source: interpreter)
    let facts = LoaderFacts(start.elf.header, interpreter: interpreter, place: loader.path)
    let search = SearchPath(
      facts: facts, root: root, configured: try configured(facts), environment: environment)

    var loaded: Set<[UInt8]> = [interpreter]
    if let soname = loaderELF.dynamic?.soname { loaded.insert(soname) }
    if let soname = start.elf.dynamic?.soname { loaded.insert(soname) }
    var places: Set<String> = [root.shown(loader.path)]
    var queue = [program]
    var next = 0
    while next < queue.count {
      let object = queue[next]
      next += 1
      for name in object.elf.dynamic?.needed ?? [] where !loaded.contains(name) {
        if facts.kind == .musl, Self.isMuslItself(name) { continue }
        loaded.insert(name)
        let result = try find(name, for: object, search: search)
        if result.objects.isEmpty {
          missing.append(
            MissingLibrary(name: displayed(name), neededBy: object.name, foreign: result.foreign))
        }
        for library in result.objects where places.insert(library.tree.shown(library.place)).inserted {
          if let soname = library.elf.dynamic?.soname { loaded.insert(soname) }
          queue.append(library)
        }
        if queue.count > Self.objectLimit {
          throw ScratchError.unsuitable(start.name, problem: "needs more than \(Self.objectLimit) libraries")
        }
      }
    }
    return missing
  }

  private func configured(_ facts: LoaderFacts) throws -> [[UInt8]] {
    if let name = facts.muslName {
      guard let file = try root.file(Array("etc/ld-musl-\(name).path".utf8)) else { return [] }
      try tree.put(file, of: root)
      return try root.read(file.path, limit: 1 << 16).split(whereSeparator: { $0 == 0x3a || $0 == 0x0a }).map
      {
        lexicallyNormal($0)
      }
    }
    if let configuration { return configuration }
    let folders = try LoaderConfiguration(root).folders
    configuration = folders
    return folders
  }

  /// Names that musl's loader answers itself.
  private static func isMuslItself(_ name: [UInt8]) -> Bool {
    guard name.starts(with: Array("lib".utf8)) else { return false }
    let rest = name.dropFirst(3)
    return ["c.", "pthread.", "rt.", "m.", "dl.", "util.", "xnet."].contains { rest.starts(with: $0.utf8) }
  }

  /// Puts a library of the root that a program will open by itself.
  ///
  /// - Returns: where it is in the image.
  func add(_ found: SourceTree.Found) throws -> EntryPath {
    try tree.put(found, of: root)
    taken.append((root, found.path))
    return found.path
  }

  /// Where the data of a file of the image are.
  func content(of path: EntryPath) -> ImageTree.Content? {
    guard let piece = tree[path], piece.entry.kind == .file else { return nil }
    return piece.content
  }

  // MARK: Searching

  private struct Search {
    var objects: [LoadedObject] = []
    var foreign: String?
  }

  private func find(_ name: [UInt8], for object: LoadedObject, search: SearchPath) throws -> Search {
    var result = Search()
    if name.contains(0x2f) {
      let image = search.facts.expand(name, origin: object.imageOrigin)
      let source = search.facts.expand(name, origin: object.sourceOrigin)
      if source.first != 0x2f { return result }
      let isBeside = name.contains(UInt8(ascii: "$"))
      _ = try take(
        lexicallyNormal(source), image: lexicallyNormal(image), of: isBeside ? object.tree : root,
        for: object,
        into: &result)
      return result
    }
    for folder in search.folders(for: object) {
      if !folder.needsCache {
        // Which of these is loaded the machine decides on which the image runs.
        for capability in search.facts.capabilities {
          let below = Array("/glibc-hwcaps/\(capability)/".utf8) + name
          _ = try take(
            folder.source + below, image: folder.image + below, of: folder.tree, for: object, into: &result)
        }
      }
      let tail = [0x2f] + name
      if let elf = try take(
        folder.source + tail, image: folder.image + tail, of: folder.tree, for: object, into: &result)
      {
        if folder.needsCache { cached[name] = (lexicallyNormal(folder.image + tail), elf.header) }
        return result
      }
    }
    // Variants alone don't serve every machine.
    result.objects = []
    return result
  }

  /// Takes a library when it is there and for this machine.
  private func take(
    _ source: [UInt8], image: [UInt8], of tree: SourceTree, for object: LoadedObject,
    into result: inout Search
  ) throws -> ELFFile? {
    guard let found = try tree.file(source) else { return nil }
    let elf: ELFFile
    do { elf = try tree.elf(found.path) } catch ScratchError.broken(_, .notELF) { return nil }
    guard elf.header.isCompatible(with: object.elf.header) else {
      result.foreign = result.foreign ?? tree.shown(found.path)
      return nil
    }
    try put(found, of: tree, image: image, source: source)
    result.objects.append(
      LoadedObject(
        tree, found.path, sourceOrigin: Self.folder(source), imageOrigin: Self.folder(image), elf: elf,
        loader: object, name: displayed(source.split(separator: 0x2f).last ?? [])))
    return elf
  }

  private func put(_ found: SourceTree.Found, of tree: SourceTree, image: [UInt8], source: [UInt8]) throws {
    if tree === root, lexicallyNormal(image) == lexicallyNormal(source) {
      try self.tree.put(found, of: tree)
    } else {
      let path = try EntryPath(normalising: image)
      if self.tree.resolve(path.bytes) == nil {
        try self.tree.put(ImageTree.entry(path, found.node), .file(tree, found.path))
      }
    }
    taken.append((tree, found.path))
  }

  private static func folder(of place: EntryPath) -> [UInt8] { [0x2f] + (place.parent ?? .root).bytes }

  private static func folder(_ path: [UInt8]) -> [UInt8] {
    guard let slash = path.lastIndex(of: 0x2f), slash > 0 else { return [0x2f] }
    return Array(path[..<slash])
  }
}
