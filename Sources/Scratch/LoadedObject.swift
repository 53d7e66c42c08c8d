import Archive
import ELF

/// A program or library as the dynamic loader holds it.
final class LoadedObject {
  /// Where it is read from.
  let tree: SourceTree
  /// The file, without symlinks.
  let place: EntryPath
  /// Its folder on the host's side, as it was found: what `$ORIGIN` stands for.
  let sourceOrigin: [UInt8]
  /// The same in the image.
  let imageOrigin: [UInt8]
  let elf: ELFFile
  /// What loaded it; nil for the program.
  let loader: LoadedObject?
  /// For messages.
  let name: String

  init(
    _ tree: SourceTree, _ place: EntryPath, sourceOrigin: [UInt8], imageOrigin: [UInt8], elf: ELFFile,
    loader: LoadedObject?, name: String
  ) {
    self.tree = tree
    self.place = place
    self.sourceOrigin = sourceOrigin
    self.imageOrigin = imageOrigin
    self.elf = elf
    self.loader = loader
    self.name = name
  }
}

/// A folder that is searched for a library.
struct SearchFolder {
  var tree: SourceTree
  /// The folder there, with a leading slash.
  var source: [UInt8]
  /// The folder in the image.
  var image: [UInt8]
  /// Whether the loader only finds what is in it by its cache.
  var needsCache = false
}

/// The folders that a loader searches for one object's libraries, in order: ld.so(8).
struct SearchPath {
  let facts: LoaderFacts
  let root: SourceTree
  /// The folders of `ld.so.conf`, or of musl's path file.
  let configured: [[UInt8]]
  /// `LD_LIBRARY_PATH` of the image.
  let environment: [UInt8]

  func folders(for object: LoadedObject) -> [SearchFolder] {
    var folders: [SearchFolder] = []
    if facts.kind == .musl {
      folders += listed(environment, by: object)
      var current: LoadedObject? = object
      while let one = current {
        folders += listed(one.elf.dynamic?.runpath ?? one.elf.dynamic?.rpath, by: one)
        current = one.loader
      }
      let own = configured.isEmpty ? facts.folders.map { Array($0.utf8) } : configured
      return folders + own.map { SearchFolder(tree: root, source: $0, image: $0) }
    }
    if object.elf.dynamic?.runpath == nil {
      // RPATH of the object and of what loaded it; one with a RUNPATH has none.
      var current: LoadedObject? = object
      while let one = current {
        if one.elf.dynamic?.runpath == nil { folders += listed(one.elf.dynamic?.rpath, by: one) }
        current = one.loader
      }
    }
    folders += listed(environment, by: object)
    folders += listed(object.elf.dynamic?.runpath, by: object)
    if object.elf.dynamic?.excludesDefaultFolders == true { return folders }
    let own = facts.folders.map { Array($0.utf8) }
    for folder in configured {
      folders.append(
        SearchFolder(tree: root, source: folder, image: folder, needsCache: !own.contains(folder)))
    }
    return folders + own.map { SearchFolder(tree: root, source: $0, image: $0) }
  }

  /// The folders of a list with colons. A relative one depends on where a program is started, and is left out.
  private func listed(_ list: [UInt8]?, by object: LoadedObject) -> [SearchFolder] {
    guard let list else { return [] }
    return list.split(whereSeparator: { $0 == 0x3a || $0 == 0x3b }).compactMap { part in
      let usesOrigin = part.contains(substring: Array("ORIGIN".utf8)) && part.contains(UInt8(ascii: "$"))
      let source = facts.expand(part, origin: object.sourceOrigin)
      let image = facts.expand(part, origin: object.imageOrigin)
      guard source.first == 0x2f else { return nil }
      // What stands beside a program of the host comes from there, everything else from the root.
      return SearchFolder(
        tree: usesOrigin ? object.tree : root, source: lexicallyNormal(source), image: lexicallyNormal(image))
    }
  }
}

extension Collection where Element == UInt8 {
  /// Whether these bytes stand in it one after the other.
  fileprivate func contains(substring: [UInt8]) -> Bool {
    indices.contains { self[$0...].starts(with: substring) }
  }
}
