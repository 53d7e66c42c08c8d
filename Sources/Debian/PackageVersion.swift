/// A package's version: `[epoch:]upstream[-revision]`, ordered as Debian policy, 5.6.12, says.
///
/// Two that differ only in a zero epoch or revision (`1` and `1-0`) are equal here, as for dpkg; `text`
/// tells them apart.
public struct PackageVersion: Sendable, Comparable, CustomStringConvertible {
  /// The version as it is written.
  public let text: String

  /// A version that is not checked: every text has its place in the order.
  public init(_ text: String) { self.text = text }

  /// As it is written.
  public var description: String { text }

  /// The version without its epoch: what stands in file names.
  public var withoutEpoch: String {
    guard let colon = text.utf8.firstIndex(of: 0x3a) else { return text }
    return String(text[text.utf8.index(after: colon)...])
  }

  /// Whether it has the form that policy demands.
  public var isValid: Bool {
    var text = text
    return text.withUTF8 { bytes in
      let parts = Parts(UnsafeRawBufferPointer(bytes))
      guard let first = parts.upstream.first, Self.isDigit(first), parts.epoch != nil else { return false }
      let hasColons = parts.hasEpoch
      func isFine(_ byte: UInt8, _ extra: [UInt8]) -> Bool {
        Self.isDigit(byte) || Self.isLetter(byte) || [0x2b, 0x2e, 0x7e].contains(byte) || extra.contains(byte)
      }
      return parts.upstream.allSatisfy { isFine($0, hasColons ? [0x2d, 0x3a] : [0x2d]) }
        && parts.revision.allSatisfy { isFine($0, []) } && (!parts.hasRevision || !parts.revision.isEmpty)
    }
  }

  /// The order of versions.
  public static func < (one: PackageVersion, other: PackageVersion) -> Bool { compare(one, other) < 0 }
  /// The same place in the order.
  public static func == (one: PackageVersion, other: PackageVersion) -> Bool { compare(one, other) == 0 }

  /// Negative when `one` is older than `other`, 0 when they are equal.
  public static func compare(_ one: PackageVersion, _ other: PackageVersion) -> Int {
    var (left, right) = (one.text, other.text)
    return left.withUTF8 { left in
      right.withUTF8 { right in compare(UnsafeRawBufferPointer(left), UnsafeRawBufferPointer(right)) }
    }
  }

  /// The same of bytes.
  public static func compare(_ one: UnsafeRawBufferPointer, _ other: UnsafeRawBufferPointer) -> Int {
    let left = Parts(one)
    let right = Parts(other)
    let (leftEpoch, rightEpoch) = (left.epoch ?? 0, right.epoch ?? 0)
    if leftEpoch != rightEpoch { return leftEpoch < rightEpoch ? -1 : 1 }
    let upstream = comparePart(left.upstream, right.upstream)
    return upstream != 0 ? upstream : comparePart(left.revision, right.revision)
  }

  /// The three parts of a version.
  private struct Parts {
    /// The epoch; nil when it is no number.
    var epoch: UInt32?
    var hasEpoch = false
    var hasRevision = false
    var upstream: Slice<UnsafeRawBufferPointer>
    var revision: Slice<UnsafeRawBufferPointer>

    init(_ bytes: UnsafeRawBufferPointer) {
      epoch = 0
      upstream = bytes[...]
      if let colon = upstream.firstIndex(of: 0x3a) {
        hasEpoch = true
        epoch = UInt32(String(decoding: upstream[..<colon], as: UTF8.self))
        upstream = upstream[(colon + 1)...]
      }
      revision = upstream[upstream.endIndex...]
      if let dash = upstream.lastIndex(of: 0x2d) {
        hasRevision = true
        revision = upstream[(dash + 1)...]
        upstream = upstream[..<dash]
      }
    }
  }

  private static func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }
  private static func isLetter(_ byte: UInt8) -> Bool {
    (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a)
  }

  /// The weight of a character outside numbers: `~` before the end, letters before all else.
  private static func weight(_ byte: UInt8?) -> Int {
    guard let byte else { return 0 }
    if isDigit(byte) { return 0 }
    if isLetter(byte) { return Int(byte) }
    return byte == 0x7e ? -1 : Int(byte) + 256
  }

  private static func comparePart(
    _ one: Slice<UnsafeRawBufferPointer>, _ other: Slice<UnsafeRawBufferPointer>
  ) -> Int {
    var (left, right) = (one, other)
    while !left.isEmpty || !right.isEmpty {
      while (left.first.map { !isDigit($0) } ?? false) || (right.first.map { !isDigit($0) } ?? false) {
        let difference = weight(left.first) - weight(right.first)
        if difference != 0 { return difference }
        left = left.dropFirst()
        right = right.dropFirst()
      }
      left = left.drop { $0 == 0x30 }
      right = right.drop { $0 == 0x30 }
      var first = 0
      while let a = left.first, let b = right.first, isDigit(a), isDigit(b) {
        if first == 0 { first = Int(a) - Int(b) }
        left = left.dropFirst()
        right = right.dropFirst()
      }
      if let a = left.first, isDigit(a) { return 1 }
      if let b = right.first, isDigit(b) { return -1 }
      if first != 0 { return first }
    }
    return 0
  }
}
