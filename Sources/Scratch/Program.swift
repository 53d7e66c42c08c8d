import Archive
import ELF
import Image
import OCI
import Posix
public import SystemPackage

/// A file that was named to become part of an image, and where it goes.
public struct FileAndPlace: Sendable, Hashable {
  /// The file on the host.
  public var source: FilePath
  /// Where it goes in the image; nil for `/NAME`.
  public var destination: String?

  /// A file and a place.
  public init(_ source: FilePath, at destination: String?) {
    self.source = source
    self.destination = destination
  }

  /// Reads `FILE[:DEST]`: what follows the last colon, when it starts with a slash or is a folder's name.
  ///
  /// - Throws: `ScratchError` for an empty name.
  public init(parsing text: String) throws {
    var file = Substring(text)
    var place: Substring?
    if let colon = text.lastIndex(of: ":") {
      file = text[..<colon]
      place = text[text.index(after: colon)...]
    }
    if file.isEmpty || place == "" { throw ScratchError.value(text, problem: "is not FILE or FILE:DEST") }
    self.init(FilePath(String(file)), at: place.map(String.init))
  }
}

/// A program that an image is made of: where it is, and what kind of file.
struct Program {
  /// What a file is to the kernel that shall run it.
  enum Kind {
    case elf(ELFFile, Platform)
    /// `#!`: the interpreter and its one argument.
    case script(interpreter: [UInt8], argument: [UInt8]?)
  }

  var named: FileAndPlace
  var tree: SourceTree
  var found: SourceTree.Found
  var kind: Kind
  /// Where it goes in the image.
  var destination: EntryPath

  var shown: String { named.source.string }

  var platform: Platform? {
    if case .elf(_, let platform) = kind { platform } else { nil }
  }

  var header: ELFHeader? {
    if case .elf(let elf, _) = kind { elf.header } else { nil }
  }

  /// The interpreter that it asks for.
  var interpreter: [UInt8]? {
    if case .elf(let elf, _) = kind { elf.interpreter } else { nil }
  }

  /// Opens a program.
  ///
  /// - Parameters:
  ///   - root: the tree of libraries, which the program may be in.
  ///   - host: the host's own tree.
  /// - Throws: `ScratchError` for what is no program.
  init(_ named: FileAndPlace, root: SourceTree, host: SourceTree) throws {
    self.named = named
    let shown = named.source.string
    let absolute = try lexicallyNormal(Array(absolutePath(named.source).string.utf8))
    let base = try lexicallyNormal(Array(absolutePath(root.path).string.utf8))
    let isInside = base.count > 1 && absolute.starts(with: base + [0x2f])
    // In a root of its own its links are those of that root.
    let inside = isInside ? Array(absolute[base.count...]) : absolute
    tree = isInside || base.count == 1 ? root : host
    guard let found = try tree.resolve(inside) else { throw ScratchError.missing(shown) }
    guard found.node.kind == .file else {
      throw ScratchError.unsuitable(shown, problem: "is no file (--add takes folders)")
    }
    self.found = found
    kind = try Self.kind(of: found, in: tree, shown: shown)
    let name = Array(lexicallyNormal(inside).split(separator: 0x2f).last ?? [])
    var place = named.destination ?? ""
    if !place.hasPrefix("/") { place = "/" + place }
    if place.hasSuffix("/") {
      destination = try EntryPath(place).appending(name)
    } else {
      destination = try EntryPath(place)
    }
  }

  private static func kind(of found: SourceTree.Found, in tree: SourceTree, shown: String) throws -> Kind {
    let file = try tree.open(found.path)
    var start = [UInt8](repeating: 0, count: 256)
    let count = try start.withUnsafeMutableBytes { try file.read(into: $0, at: 0) }
    start.removeLast(start.count - count)
    if start.starts(with: Array("#!".utf8)) {
      let line = start.dropFirst(2).prefix { $0 != 0x0a }
      let words = line.split(maxSplits: 1) { $0 == 0x20 || $0 == 0x09 }
      guard let interpreter = words.first else {
        throw ScratchError.unsuitable(shown, problem: "is a script that names no interpreter")
      }
      let argument = words.count > 1 ? words[1].split { $0 == 0x20 || $0 == 0x09 || $0 == 0x0d }.first : nil
      return .script(interpreter: Array(interpreter), argument: argument.map { Array($0) })
    }
    if !start.starts(with: [0x7f, 0x45, 0x4c, 0x46]) {
      throw ScratchError.unsuitable(
        shown, problem: "is neither an ELF program nor a script (--add takes other files)")
    }
    let elf: ELFFile
    do { elf = try tree.elf(found.path) } catch ScratchError.broken(_, let error) {
      throw ScratchError.broken(shown, error)
    }
    guard let platform = Platform(elf) else {
      throw ScratchError.unsuitable(
        shown, problem: "is an ELF file, but no program for Linux on a known machine")
    }
    return .elf(elf, platform)
  }
}

/// A host path from the root on.
func absolutePath(_ path: FilePath) throws -> FilePath {
  path.isAbsolute ? path : try workingDirectory().pushing(path)
}
