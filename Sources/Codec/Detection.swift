extension Compression {
  /// The number of first bytes that detection looks at.
  public static let detectionLength = 10

  /// Tells the format from the first bytes of a stream; `none` when it is no known one.
  ///
  /// Give `detectionLength` bytes, or all when there are fewer. bzip2's magic is three letters and a digit,
  /// which a name at the start of a tar could be as well, so its first block's magic is looked at too.
  /// A skippable frame counts as zstd.
  public static func detect(_ prefix: some Collection<UInt8>) -> Compression {
    let bytes = Array(prefix.prefix(detectionLength))
    if bytes.starts(with: [0x1f, 0x8b]) { return .gzip }
    if bytes.starts(with: [0x28, 0xb5, 0x2f, 0xfd]) { return .zstd }
    if bytes.count >= 4, bytes[0] & 0xf0 == 0x50, bytes[1...3] == [0x2a, 0x4d, 0x18] { return .zstd }
    if bytes.starts(with: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]) { return .xz }
    if bytes.count >= 4, bytes.starts(with: [0x42, 0x5a, 0x68]), (0x31...0x39).contains(bytes[3]) {
      let rest = bytes[4...]
      let block: [UInt8] = [0x31, 0x41, 0x59, 0x26, 0x53, 0x59]
      let end: [UInt8] = [0x17, 0x72, 0x45, 0x38, 0x50, 0x90]
      if rest.elementsEqual(block.prefix(rest.count)) || rest.elementsEqual(end.prefix(rest.count)) {
        return .bzip2
      }
    }
    return .none
  }
}
