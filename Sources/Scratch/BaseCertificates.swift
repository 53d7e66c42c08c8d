import Archive

/// The bundle of certificates of an image that has the certificates but not the bundle, since nothing was
/// configured there: as update-ca-certificates(8) makes it.
struct BaseCertificates {
  private let tree: ImageTree

  private static let folder = "usr/share/ca-certificates/"
  private static let own = "usr/local/share/ca-certificates/"
  private static let list = "etc/ca-certificates.conf"
  private static let limit = 1 << 20

  init(_ tree: ImageTree) { self.tree = tree }

  /// The bytes of the bundle; nil when the image has no certificates of Debian's package.
  func bundle() throws -> [UInt8]? {
    let known = files(below: Self.folder)
    if known.isEmpty { return nil }
    var wanted: [EntryPath] = []
    if let list = try tree.read(EntryPath(Self.list)) {
      for line in list.split(separator: 0x0a) where line.first != 0x23 && line.first != 0x21 {
        let path = try EntryPath(normalising: Array(Self.folder.utf8) + line)
        if tree.resolve(path.bytes) != nil { wanted.append(path) }
      }
    } else {
      wanted = known
    }
    var bytes: [UInt8] = []
    for path in wanted + files(below: Self.own) {
      guard let certificate = try tree.read(path, limit: Self.limit) else { continue }
      bytes += certificate
      if let last = certificate.last, last != 0x0a { bytes.append(0x0a) }
    }
    return bytes
  }

  private func files(below folder: String) -> [EntryPath] {
    tree.pieces.values.map(\.entry)
      .filter {
        $0.kind != .directory && $0.path.bytes.starts(with: Array(folder.utf8))
          && $0.path.bytes.suffix(4).elementsEqual(".crt".utf8)
      }
      .map(\.path).sorted { $0.bytes.lexicographicallyPrecedes($1.bytes) }
  }
}
