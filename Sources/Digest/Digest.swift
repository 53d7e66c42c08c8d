/// A content digest as OCI writes it: `sha256:` and 64 hexadecimal digits.
///
/// The only algorithm is SHA-256, as in all images that exist; another one is refused by name.
/// <https://github.com/opencontainers/image-spec/blob/main/descriptor.md#digests>
public struct Digest: Hashable, Sendable, Comparable, CustomStringConvertible {
  /// The 32 bytes of the hash.
  public let bytes: [UInt8]

  /// A digest of 32 bytes that a hasher gave.
  init(bytes: [UInt8]) { self.bytes = bytes }

  /// Parses `sha256:HEX`.
  ///
  /// - Throws: `DigestError` when it is anything else: paths, upper case, a wrong length.
  public init(_ text: String) throws(DigestError) {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2 else { throw .malformed(text) }
    guard parts[0] == "sha256" else { throw .unsupportedAlgorithm(text) }
    let digits = Array(parts[1].utf8)
    guard digits.count == 64 else { throw .malformed(text) }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(32)
    for index in stride(from: 0, to: 64, by: 2) {
      guard let high = Self.value(digits[index]), let low = Self.value(digits[index + 1]) else {
        throw .malformed(text)
      }
      bytes.append(high << 4 | low)
    }
    self.bytes = bytes
  }

  private static func value(_ digit: UInt8) -> UInt8? {
    switch digit {
    case 0x30...0x39: digit - 0x30
    case 0x61...0x66: digit - 0x61 + 10
    default: nil
    }
  }

  /// The 64 hexadecimal digits alone: the blob's file name in an image layout.
  public var hex: String {
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    text.reserveCapacity(64)
    for byte in bytes {
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 15)])
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// The first 12 digits, for people.
  public var short: String { String(hex.prefix(12)) }

  /// `sha256:HEX`.
  public var description: String { "sha256:" + hex }

  /// Bytewise order.
  public static func < (one: Digest, other: Digest) -> Bool {
    one.bytes.lexicographicallyPrecedes(other.bytes)
  }
}

/// A digest string that can't be used.
public enum DigestError: Error, Equatable, Sendable {
  /// Not `algorithm:hex` with the right number of lower-case digits.
  case malformed(String)
  /// Well-formed perhaps, but not SHA-256.
  case unsupportedAlgorithm(String)
}

extension DigestError: CustomStringConvertible {
  /// What was wrong, in a person's words.
  public var description: String {
    switch self {
    case .malformed(let text):
      "\"\(text.prefix(100))\" is not a digest (sha256: and 64 lower-case hex digits)"
    case .unsupportedAlgorithm(let text): "the digest \"\(text.prefix(100))\" is not SHA-256"
    }
  }
}
