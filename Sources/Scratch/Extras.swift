import Archive
import ELF
import Posix
import Rootfs
import SystemPackage

/// What programs need besides their libraries, taken from the root.
struct Extras {
  let tree: ImageTree
  let root: SourceTree
  /// Takes each file of the root that was put.
  let taken: (EntryPath) -> Void

  // MARK: Certificates

  /// The bundles of authorities' certificates: Debian's and Alpine's, Fedora's, SUSE's.
  private static let bundles = [
    "etc/ssl/certs/ca-certificates.crt", "etc/pki/tls/certs/ca-bundle.crt", "etc/ssl/ca-bundle.pem",
  ]

  /// Puts the bundle of certificates, and the name by which OpenSSL looks for it.
  ///
  /// - Parameter ownFirst: whether the certificates of the image below come before those of the root.
  func addCertificates(ownFirst: Bool) throws {
    let name = Self.bundles[0]
    if ownFirst, tree.isBelow(try EntryPath(name)) { return }
    if ownFirst, let bundle = try BaseCertificates(tree).bundle() {
      try tree.put(
        Entry(try EntryPath(name), .file, mode: 0o644, size: UInt64(bundle.count)), .bytes(bundle))
      let link = try EntryPath("usr/lib/ssl/cert.pem")
      if tree.resolve(link.bytes) == nil { try tree.put(link, linkTo: Array("/\(name)".utf8)) }
      return
    }
    for bundle in Self.bundles {
      guard let found = try root.file(Array(bundle.utf8)) else { continue }
      try tree.put(found, of: root)
      taken(found.path)
      // Debian's OpenSSL looks for /usr/lib/ssl/cert.pem, a link to /etc/ssl/cert.pem, which nothing provides.
      guard let link = try root.resolve(Array("usr/lib/ssl".utf8)), link.node.kind == .directory else {
        return
      }
      let certificates = try EntryPath("usr/lib/ssl/cert.pem")
      if tree.resolve(certificates.bytes) == nil {
        try tree.put(certificates, linkTo: Array("/\(bundle)".utf8))
      }
      return
    }
    throw ScratchError.extra("--ca-certificates", needs: "/\(Self.bundles[0])", root: root.path.string)
  }

  // MARK: Time zones

  private static let zones = "usr/share/zoneinfo"

  /// Puts the time zones, without their second and third forms (`posix/`, `right/`).
  func addTimeZones() throws {
    guard let found = try root.resolve(Array(Self.zones.utf8)), found.node.kind == .directory else {
      throw ScratchError.extra("--tzdata", needs: "/\(Self.zones)", root: root.path.string)
    }
    let left = try ["posix", "right"].map { try found.path.appending(Array($0.utf8)) }
    try add(folder: found.path, at: try EntryPath(Self.zones)) { path in !left.contains { $0.contains(path) }
    }
  }

  /// Puts all that is in a folder of the root.
  private func add(folder: EntryPath, at place: EntryPath, keeps: (EntryPath) -> Bool) throws {
    for name in try root.names(in: folder) {
      let path = try folder.appending(name)
      let target = try place.appending(name)
      guard keeps(path), let node = try root.node(path) else { continue }
      switch node.kind {
      case .directory: try add(folder: path, at: target, keeps: keeps)
      case .symlink: try tree.put(target, linkTo: node.target)
      case .file:
        try tree.put(ImageTree.entry(target, node), .file(root, path))
        taken(path)
      default: break
      }
    }
  }

  // MARK: Name service

  /// What the lookups of users, groups and hosts go by.
  private static let switchFile = """
    passwd: files
    group: files
    shadow: files
    hosts: files dns
    networks: files
    protocols: files
    services: files
    ethers: files
    rpc: files

    """

  /// Puts the files that lookups go by, and names the libraries that glibc opens for them itself: those of
  /// `files` and `dns` before version 2.34, which has both within.
  ///
  /// - Parameter libc: glibc's own library; nil where there is none.
  func addNameService(libc: ELFFile?, in place: EntryPath?) throws -> [[UInt8]] {
    if tree.resolve(Array("etc/nsswitch.conf".utf8)) == nil {
      try tree.put("etc/nsswitch.conf", Self.switchFile)
    }
    if tree.resolve(Array("etc/hosts".utf8)) == nil {
      try tree.put("etc/hosts", "127.0.0.1 localhost\n::1 localhost\n")
    }
    for file in ["etc/services", "etc/protocols"] where tree.resolve(Array(file.utf8)) == nil {
      guard let found = try root.file(Array(file.utf8)) else { continue }
      try tree.put(found, of: root)
      taken(found.path)
    }
    guard let libc, let place, let strings = libc.dynamic?.strings else { return [] }
    let descriptor = try root.open(place)
    var table = [UInt8](repeating: 0, count: Int(min(strings.size, 1 << 24)))
    let count = try table.withUnsafeMutableBytes { try descriptor.read(into: $0, at: strings.offset) }
    let hasBoth = table[..<count].split(separator: 0).contains { $0.elementsEqual("GLIBC_2.34".utf8) }
    return hasBoth ? [] : ["libnss_files.so.2", "libnss_dns.so.2"].map { Array($0.utf8) }
  }

  // MARK: Init and shell

  /// Where the init is in an image.
  static let initPath = "/usr/bin/tini"

  /// Puts Debian's static tini.
  func addInit(for header: ELFHeader) throws {
    let found = try staticProgram(
      ["usr/bin/tini-static", "sbin/tini-static", "usr/bin/tini", "sbin/tini"], header, "--init",
      needs: "a static tini (Debian's package tini)")
    try tree.put(ImageTree.entry(try EntryPath(Self.initPath), found.node), .file(root, found.path))
    taken(found.path)
  }

  /// Puts a static busybox, and `sh` as a link to it.
  func addShell(for header: ELFHeader) throws {
    let found = try staticProgram(
      ["bin/busybox", "usr/bin/busybox", "bin/busybox.static"], header, "--shell",
      needs: "a static busybox (Debian's package busybox-static)")
    let place = try tree.put(
      ImageTree.entry(try EntryPath("bin/busybox"), found.node), .file(root, found.path))
    taken(found.path)
    for name in ["bin/sh", "bin/ash"] where tree.resolve(Array(name.utf8)) == nil {
      try tree.put(try EntryPath(name), linkTo: Array(place.name))
    }
  }

  private func staticProgram(
    _ names: [String], _ header: ELFHeader, _ option: String, needs: String
  ) throws -> SourceTree.Found {
    for name in names {
      guard let found = try root.file(Array(name.utf8)), let elf = try? root.elf(found.path) else { continue }
      if elf.isStatic, elf.header.isCompatible(with: header) { return found }
    }
    throw ScratchError.extra(option, needs: needs, root: root.path.string)
  }
}
