import Glibc
public import OCI
public import SystemPackage

/// Where an image or a root file system is, as containers-transports(5) writes it.
public enum ImageLocation: Hashable, Sendable {
  /// `oci:DIR[:NAME]`: an OCI image layout, and the name of one image in it.
  case layout(FilePath, name: String?)
  /// `oci-archive:FILE[:NAME]`: a tar of an OCI image layout.
  case ociArchive(FilePath, name: String?)
  /// `docker-archive:FILE[:REFERENCE]`: what `docker save` writes.
  case dockerArchive(FilePath, reference: Reference?)
  /// `docker://REFERENCE`: a registry.
  case registry(Reference)
  /// `rootfs:DIR`: a plain directory.
  case directory(FilePath)
  /// `tar:FILE`: a plain tar of a root file system.
  case tar(FilePath)
  /// A path without prefix, to be read: what it is shows in its content.
  case detected(FilePath, name: String?)
  /// `-`: standard output (a docker-archive) or standard input (detected).
  case stream

  /// What a location is wanted for: a path without prefix is told by its name or by its content.
  public enum Purpose: Sendable {
    /// To read from.
    case input
    /// To write to.
    case output
  }

  /// Reads a location.
  ///
  /// - Throws: `ImageError` for an empty or malformed one, and for transports that only other tools have.
  public init(_ text: String, for purpose: Purpose) throws(ImageError) {
    if text == "-" {
      self = .stream
      return
    }
    if text.isEmpty { throw ImageError(.location(problem: "a location is empty"), at: "") }
    if text.hasPrefix("docker://") {
      do { self = .registry(try Reference(String(text.dropFirst(9))).withTag) } catch {
        throw ImageError(.location(problem: "\(error)"), at: text)
      }
      return
    }
    guard let colon = text.firstIndex(of: ":"), Self.isTransport(text[..<colon]) else {
      self = purpose == .output ? try Self.output(text) : try Self.input(text)
      return
    }
    let (path, name) = try Self.pathAndName(String(text[text.index(after: colon)...]), in: text)
    switch text[..<colon] {
    case "oci": self = .layout(path, name: try Self.layoutName(name, text))
    case "oci-archive": self = .ociArchive(path, name: try Self.layoutName(name, text))
    case "docker-archive":
      do { self = .dockerArchive(path, reference: try name.map { try Reference($0).withTag }) } catch {
        throw ImageError(.location(problem: "\(error)"), at: text)
      }
    // A colon is an ordinary character in the names of these.
    case "rootfs": self = .directory(FilePath(String(text[text.index(after: colon)...])))
    case "tar": self = .tar(FilePath(String(text[text.index(after: colon)...])))
    default: throw ImageError(.unsupported("the transport \(text[..<colon]):"), at: text)
    }
  }

  /// The transports of containers-transports(5) and ours.
  private static func isTransport(_ text: Substring) -> Bool {
    [
      "oci", "oci-archive", "docker-archive", "rootfs", "tar", "containers-storage", "dir", "docker-daemon",
      "ostree", "sif", "tarball",
    ].contains(text)
  }

  private static func pathAndName(_ text: String, in whole: String) throws(ImageError) -> (FilePath, String?)
  {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    if parts[0].isEmpty { throw ImageError(.location(problem: "the path is empty"), at: whole) }
    return (FilePath(String(parts[0])), parts.count == 2 ? String(parts[1]) : nil)
  }

  private static func layoutName(_ name: String?, _ text: String) throws(ImageError) -> String? {
    guard let name else { return nil }
    guard isLayoutName(name) else {
      throw ImageError(.location(problem: "\"\(name)\" can't be the name of an image in a layout"), at: text)
    }
    return name
  }

  /// The grammar of `org.opencontainers.image.ref.name`: letters and digits, with separators between.
  static func isLayoutName(_ name: String) -> Bool {
    if name.utf8.count > 512 { return false }
    return name.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { part in
      var previousIsSeparator = true
      var previous: UInt8 = 0
      for byte in part.utf8 {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"):
          previousIsSeparator = false
        // An underscore is no separator there, but tags have it anywhere.
        case UInt8(ascii: "_"): previousIsSeparator = false
        case UInt8(ascii: "-") where previous == byte: break
        case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: ":"), UInt8(ascii: "@"), UInt8(ascii: "+"):
          if previousIsSeparator { return false }
          previousIsSeparator = true
        default: return false
        }
        previous = byte
      }
      return !part.isEmpty
    }
  }

  /// By name: `*.oci.tar`, `*.docker.tar`, `*.tar` with a compression's suffix; else a layout, `DIR[:TAG]`.
  private static func output(_ text: String) throws(ImageError) -> ImageLocation {
    let path = FilePath(text)
    if text.hasSuffix(".oci.tar") { return .ociArchive(path, name: nil) }
    if text.hasSuffix(".docker.tar") { return .dockerArchive(path, reference: nil) }
    for suffix in [".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.zst", ".tzst", ".tar.bz2", ".tbz2"]
    where text.hasSuffix(suffix) { return .tar(path) }
    // A layout whose path has a colon could not be named to any other tool.
    let (directory, name) = try pathAndName(text, in: text)
    return .layout(directory, name: try layoutName(name, text))
  }

  /// By content, later; a name may follow the path.
  private static func input(_ text: String) throws(ImageError) -> ImageLocation {
    let whole = FilePath(text)
    guard !exists(whole), let colon = text.firstIndex(of: ":") else { return .detected(whole, name: nil) }
    let path = FilePath(String(text[..<colon]))
    return exists(path)
      ? .detected(path, name: String(text[text.index(after: colon)...])) : .detected(whole, name: nil)
  }
}

extension ImageLocation: CustomStringConvertible {
  /// The location as it can be given again.
  public var description: String {
    func named(_ prefix: String, _ path: FilePath, _ name: String?) -> String {
      prefix + path.string + (name.map { ":" + $0 } ?? "")
    }
    return switch self {
    case .layout(let path, let name): named("oci:", path, name)
    case .ociArchive(let path, let name): named("oci-archive:", path, name)
    case .dockerArchive(let path, let reference): named("docker-archive:", path, reference?.familiar)
    case .registry(let reference): "docker://\(reference)"
    case .directory(let path): "rootfs:\(path)"
    case .tar(let path): "tar:\(path)"
    case .detected(let path, let name): named("", path, name)
    case .stream: "-"
    }
  }

  /// The host path without prefix and name; nil for registries and streams.
  public var path: FilePath? {
    switch self {
    case .layout(let path, _), .ociArchive(let path, _), .dockerArchive(let path, _), .directory(let path),
      .tar(let path), .detected(let path, _):
      path
    case .registry, .stream: nil
    }
  }

  /// The location with another path; itself where it has none.
  public func at(_ change: (FilePath) -> FilePath) -> ImageLocation {
    switch self {
    case .layout(let path, let name): .layout(change(path), name: name)
    case .ociArchive(let path, let name): .ociArchive(change(path), name: name)
    case .dockerArchive(let path, let reference): .dockerArchive(change(path), reference: reference)
    case .detected(let path, let name): .detected(change(path), name: name)
    case .directory(let path): .directory(change(path))
    case .tar(let path): .tar(change(path))
    case .registry, .stream: self
    }
  }

  /// The image that the location names, when it does.
  public var imageName: String? {
    switch self {
    case .layout(_, let name), .ociArchive(_, let name), .detected(_, let name): name
    case .dockerArchive(_, let reference): reference?.familiar
    // A digest is no name.
    case .registry(let reference): reference.digest == nil ? reference.familiar : nil
    case .directory, .tar, .stream: nil
    }
  }
}

private func exists(_ path: FilePath) -> Bool { path.withPlatformString { access($0, F_OK) } == 0 }
