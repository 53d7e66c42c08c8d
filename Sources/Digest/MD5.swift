import CCrypto

/// An MD5 that is fed piece by piece (RFC 1321). It protects nothing: dpkg knows its files by it.
public struct MD5: ~Copyable {
  private let context: OpaquePointer

  /// A hash of nothing yet.
  public init() {
    guard let context = EVP_MD_CTX_new(), EVP_DigestInit_ex(context, EVP_md5(), nil) == 1 else {
      preconditionFailure("libcrypto has no MD5")
    }
    self.context = context
  }

  deinit { EVP_MD_CTX_free(context) }

  /// Adds bytes.
  public mutating func update(_ bytes: UnsafeRawBufferPointer) {
    if bytes.isEmpty { return }
    precondition(EVP_DigestUpdate(context, bytes.baseAddress, bytes.count) == 1, "EVP_DigestUpdate failed")
  }

  /// The digest of all that was added, in hexadecimal.
  public consuming func finish() -> String {
    var bytes = [UInt8](repeating: 0, count: 16)
    precondition(EVP_DigestFinal_ex(context, &bytes, nil) == 1, "EVP_DigestFinal_ex failed")
    return bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}
