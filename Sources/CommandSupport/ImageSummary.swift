public import Digest
public import OCI
import Posix

/// What was made, for people and for programs.
public struct ImageSummary: Sendable {
  /// A layer, as the table and the JSON document show it.
  public struct Layer: Sendable {
    /// The digest of the layer as it is stored.
    public var digest: Digest
    /// The digest of its uncompressed tar.
    public var diffID: Digest
    /// The media type.
    public var mediaType: String
    /// Bytes as stored.
    public var size: UInt64
    /// Bytes of the uncompressed tar.
    public var uncompressedSize: UInt64
    /// How many entries it has.
    public var entries: UInt64
    /// The command that made it.
    public var createdBy: String

    /// A layer.
    public init(
      digest: Digest, diffID: Digest, mediaType: String, size: UInt64, uncompressedSize: UInt64,
      entries: UInt64, createdBy: String
    ) {
      self.digest = digest
      self.diffID = diffID
      self.mediaType = mediaType
      self.size = size
      self.uncompressedSize = uncompressedSize
      self.entries = entries
      self.createdBy = createdBy
    }
  }

  /// What something left out, or made smaller.
  public struct Saving: Sendable {
    /// What did it, as `exclude`, `shrink` or `dedupe`.
    public var kind: String
    /// Which of its kind; may be empty.
    public var name: String
    /// The paths that it is about.
    public var paths: UInt64
    /// The bytes that aren't stored.
    public var bytes: UInt64

    /// What something saved.
    public init(kind: String, name: String, paths: UInt64, bytes: UInt64) {
      self.kind = kind
      self.name = name
      self.paths = paths
      self.bytes = bytes
    }
  }

  /// The image's first name, or nil.
  public var reference: Reference?
  /// Its platform.
  public var platform: Platform
  /// The digest of its manifest.
  public var digest: Digest
  /// Where it was put, as the user wrote it.
  public var outputs: [String]
  /// The layers, from the lowest.
  public var layers: [Layer]
  /// What the layers were before, where the image was made out of another; nil else.
  public var before: [Layer]?
  /// What was left out, by what did it; nil where nothing was to be.
  public var savings: [Saving]?

  /// An image.
  public init(
    reference: Reference?, platform: Platform, digest: Digest, outputs: [String], layers: [Layer]
  ) {
    self.reference = reference
    self.platform = platform
    self.digest = digest
    self.outputs = outputs
    self.layers = layers
  }

  /// The table: a line for each place, the layers, the totals.
  ///
  /// - Parameter width: The cells of a line, or nil for no limit.
  public func lines(width: Int?) -> [String] {
    let what = [reference?.familiar, "\(platform)", "sha256:\(digest.hex.prefix(6))…"].compactMap { $0 }
    let places = outputs.isEmpty ? [what] : outputs.map { [displayed(Array($0.utf8))] + what }
    let heads = places.map { $0.joined(separator: "  ") }
    guard let before else { return heads + Self.table(layers, title: "layer").lines(indent: 1, limit: width) }
    let earlier = Self.table(before, title: "before").lines(indent: 1, limit: width)
    return heads + earlier + Self.table(layers, title: "after").lines(indent: 1, limit: width)
      + [" " + saved(before)] + (savings.map { Self.table($0).lines(indent: 1, limit: width) } ?? [])
  }

  private static func table(_ savings: [Saving]) -> Table {
    var table = Table([.right("saved"), .right("paths"), .left("by")])
    for saving in savings {
      let name = displayed(Array(saving.name.utf8))
      table.add([
        formatSize(saving.bytes), formatCount(saving.paths),
        name.isEmpty ? saving.kind : "\(saving.kind) \(name)",
      ])
    }
    return table
  }

  private static func table(_ layers: [Layer], title: String) -> Table {
    var table = Table([
      .right("#"), .left(title), .right("compressed"), .right("uncompressed"), .right("entries"),
      .left("created by"),
    ])
    for (index, layer) in layers.enumerated() {
      table.add([
        "\(index + 1)", layer.digest.short, formatSize(layer.size), formatSize(layer.uncompressedSize),
        formatCount(layer.entries), displayed(Array(layer.createdBy.utf8)),
      ])
    }
    table.add([
      "", "total", formatSize(total(layers, \.size)), formatSize(total(layers, \.uncompressedSize)),
      formatCount(total(layers, \.entries)),
    ])
    return table
  }

  private static func total(_ layers: [Layer], _ part: KeyPath<Layer, UInt64>) -> UInt64 {
    layers.reduce(UInt64(0)) { sum, layer in sum &+ layer[keyPath: part] }
  }

  /// How much smaller the image became, in words.
  private func saved(_ before: [Layer]) -> String {
    let (old, new) = (Self.total(before, \.size), Self.total(layers, \.size))
    let change = new <= old ? "smaller" : "larger"
    let difference = new <= old ? old - new : new - old
    let share = old == 0 ? "" : ", \(Int((Double(difference) * 100 / Double(old)).rounded())) %"
    return "\(formatSize(difference)) \(change)\(share)"
  }

  /// The image as an element of the document's `images`.
  public var json: JSONValue {
    var object: JSONObject = [
      "reference": reference.map { .string($0.description) } ?? .null,
      "platform": .string("\(platform)"),
      "digest": .string(digest.description),
      "outputs": .array(outputs.map { .string($0) }),
      "layers": .array(layers.map(\.json)),
    ]
    if let before { object["before"] = .array(before.map(\.json)) }
    if let savings { object["savings"] = .array(savings.map(\.json)) }
    return .object(object)
  }

  /// The document that `--json` prints: `{"images":[…]}`.
  public static func document(_ images: [ImageSummary]) -> JSONValue {
    .object(["images": .array(images.map(\.json))])
  }

  /// Shows what was made: the table on standard error, with `--json` the document on standard output.
  static func present(_ images: [ImageSummary], _ options: CommonOptions) throws {
    if options.json {
      let document = JSONWriter.indentedBytes(of: document(images))
      try printOutput(String(decoding: document, as: UTF8.self))
    }
    let width = Console.shared.width
    for (index, image) in images.enumerated() {
      Console.shared.result((index > 0 ? [""] : []) + image.lines(width: width))
    }
  }
}

extension ImageSummary.Saving {
  var json: JSONValue {
    .object([
      "kind": .string(kind),
      "name": .string(name),
      "paths": .integer(Int64(clamping: paths)),
      "bytes": .integer(Int64(clamping: bytes)),
    ])
  }
}

extension ImageSummary.Layer {
  var json: JSONValue {
    .object([
      "digest": .string(digest.description),
      "diffID": .string(diffID.description),
      "mediaType": .string(mediaType),
      "size": .integer(Int64(clamping: size)),
      "uncompressedSize": .integer(Int64(clamping: uncompressedSize)),
      "entries": .integer(Int64(clamping: entries)),
      "createdBy": .string(createdBy),
    ])
  }
}
