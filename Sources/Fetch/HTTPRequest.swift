public import Posix

/// One HTTP request (RFC 9110), as `HTTPClient` sends it.
public struct HTTPRequest {
  /// What is sent with a request.
  public enum Body {
    /// Bytes at hand; may be none.
    case bytes([UInt8])
    /// Exactly `count` bytes of a source, which are read as they are sent.
    case source(any ByteSource, count: UInt64)
  }

  /// A field of the header.
  public struct Field {
    /// Its name.
    public var name: String
    /// Its value.
    public var value: String
  }

  /// The method, in capitals.
  public var method: String
  /// An absolute `http` or `https` URL.
  public var url: String
  /// The fields of the header.
  public var fields: [Field] = []
  /// What is sent; nil for requests without content.
  public var body: Body?

  /// A request without content.
  public init(_ method: String, _ url: String) {
    self.method = method
    self.url = url
  }

  /// Adds a field.
  public mutating func add(_ name: String, _ value: String) { fields.append(Field(name: name, value: value)) }
}
