import Glibc
import SystemPackage

/// Runs a system call again while it is interrupted by a signal (`EINTR`), and throws its error.
///
/// Every call of this module goes through here: a result of -1 is never dropped.
@discardableResult
func check<Result: SignedInteger>(
  _ operation: @autoclosure () -> String, _ path: @autoclosure () -> String, _ call: () -> Result
) throws(PosixError) -> Result {
  while true {
    let result = call()
    if result != -1 { return result }
    let error = Errno(rawValue: errno)
    if error != .interrupted { throw PosixError(operation(), path(), error) }
  }
}

/// Bytes shown in a message: printable ASCII and valid UTF-8 as they are, the rest as `\ooo`.
public func displayed(_ bytes: some Collection<UInt8>) -> String {
  var result = ""
  if let text = String(validating: bytes, as: UTF8.self) {
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\t": result += "\\t"
      default:
        if scalar.properties.generalCategory == .control || scalar.properties.generalCategory == .format {
          result += octal(Array(String(scalar).utf8))
        } else {
          result.unicodeScalars.append(scalar)
        }
      }
    }
    return result
  }
  for byte in bytes {
    if byte >= 0x20 && byte < 0x7f && byte != 0x5c {
      result.unicodeScalars.append(Unicode.Scalar(byte))
    } else {
      result += octal([byte])
    }
  }
  return result
}

private func octal(_ bytes: [UInt8]) -> String {
  bytes.map { byte in
    let digits = String(byte, radix: 8)
    return "\\" + String(repeating: "0", count: 3 - digits.count) + digits
  }.joined()
}

/// Lends a C string made of `bytes`, which must hold no NUL.
///
/// - Throws: `PosixError` (invalid argument) when they do.
public func withCString<Result>(
  _ bytes: some Collection<UInt8>, _ body: (UnsafePointer<CChar>) throws -> Result
) throws -> Result {
  if bytes.contains(0) { throw PosixError("use the name", displayed(bytes), .invalidArgument) }
  return try withUnsafeTemporaryAllocation(of: CChar.self, capacity: bytes.count + 1) { buffer in
    var index = 0
    for byte in bytes {
      buffer[index] = CChar(bitPattern: byte)
      index += 1
    }
    buffer[index] = 0
    guard let base = buffer.baseAddress else { preconditionFailure("an allocation of at least one byte") }
    return try body(UnsafePointer(base))
  }
}
