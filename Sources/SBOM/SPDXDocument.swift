public import Digest
public import OCI

/// A bill of materials in SPDX 2.3, as JSON: <https://spdx.github.io/spdx-spec/v2.3/>.
///
/// It says what it knows and nothing else: no licences, which packages tell in free text. The same image gives the
/// same bytes: times are the image's, and the document's name in the world comes from the image's digest.
public struct SPDXDocument: Sendable {
  /// An image and what is in it.
  public struct Image: Sendable {
    /// Its name, or nil.
    public var name: String?
    /// What it runs on.
    public var platform: Platform
    /// The digest of its manifest.
    public var digest: Digest
    /// When it was made.
    public var created: CreationTime?
    /// What is in it.
    public var inventory: PackageInventory

    /// An image.
    public init(
      name: String?, platform: Platform, digest: Digest, created: CreationTime?, inventory: PackageInventory
    ) {
      self.name = name
      self.platform = platform
      self.digest = digest
      self.created = created
      self.inventory = inventory
    }
  }

  private let images: [Image]
  private let creator: String

  /// A document about images, of which there is at least one.
  ///
  /// - Parameter creator: the tool and its version, as `garboard-1.0`.
  public init(_ images: [Image], creator: String) {
    self.images = images
    self.creator = creator
  }

  private static let unknown = JSONValue.string("NOASSERTION")

  /// The document.
  ///
  /// - Throws: `SyntaxError` for a malformed database of packages.
  public func json() throws -> JSONValue {
    var packages: [JSONValue] = []
    var relationships: [JSONValue] = []
    var known: Set<String> = []
    for image in images {
      let reference = "SPDXRef-Image-\(image.digest.hex)"
      relationships.append(Self.relationship("SPDXRef-DOCUMENT", "DESCRIBES", reference))
      packages.append(Self.package(image, reference))
      for package in try image.inventory.packages() {
        let own = Self.identifier(package)
        relationships.append(Self.relationship(reference, "CONTAINS", own))
        if known.insert(own).inserted {
          packages.append(Self.package(package, own, image.inventory.distribution))
        }
      }
    }
    let digests = images.map(\.digest.hex).joined(separator: ":")
    let newest = images.compactMap { $0.created?.seconds }.max() ?? 0
    return .object([
      "spdxVersion": .string("SPDX-2.3"), "dataLicense": .string("CC0-1.0"),
      "SPDXID": .string("SPDXRef-DOCUMENT"),
      "name": .string(images.first?.name ?? "image"),
      "documentNamespace": .string("urn:garboard:spdx:sha256:\(digests)"),
      "creationInfo": .object([
        "created": .string("\(CreationTime(seconds: newest))"),
        "creators": .array([.string("Tool: \(creator)")]),
      ]),
      "packages": .array(packages), "relationships": .array(relationships),
    ])
  }

  private static func relationship(_ one: String, _ kind: String, _ other: String) -> JSONValue {
    .object([
      "spdxElementId": .string(one), "relationshipType": .string(kind), "relatedSpdxElement": .string(other),
    ])
  }

  private static func package(_ image: Image, _ reference: String) -> JSONValue {
    let name = image.name ?? "image"
    var locator =
      "pkg:oci/\(escaped(String(name.split(separator: "/").last?.prefix { $0 != ":" } ?? "image")))"
    locator += "@sha256%3A\(image.digest.hex)?arch=\(escaped(image.platform.architecture))"
    return .object([
      "SPDXID": .string(reference), "name": .string(name), "versionInfo": .string("\(image.digest)"),
      "downloadLocation": unknown, "filesAnalyzed": .bool(false), "licenseConcluded": unknown,
      "licenseDeclared": unknown, "copyrightText": unknown, "supplier": unknown,
      "primaryPackagePurpose": .string("CONTAINER"),
      "checksums": .array([
        .object(["algorithm": .string("SHA256"), "checksumValue": .string(image.digest.hex)])
      ]),
      "externalRefs": .array([link(locator)]),
    ])
  }

  private static func package(
    _ package: SBOMPackage, _ reference: String, _ distribution: (name: String, version: String?)?
  ) -> JSONValue {
    let distributor = distribution?.name ?? "debian"
    var locator = "pkg:deb/\(escaped(distributor))/\(escaped(package.name))@\(escaped(package.version))"
    locator += "?arch=\(escaped(package.architecture))"
    if let version = distribution?.version { locator += "&distro=\(escaped("\(distributor)-\(version)"))" }
    var object: JSONObject = [
      "SPDXID": .string(reference), "name": .string(package.name), "versionInfo": .string(package.version),
      "downloadLocation": unknown, "filesAnalyzed": .bool(false), "licenseConcluded": unknown,
      "licenseDeclared": unknown, "copyrightText": unknown,
      "supplier": package.maintainer.isEmpty ? unknown : .string("Organization: \(package.maintainer)"),
      "externalRefs": .array([link(locator)]),
    ]
    if let source = package.source {
      object["sourceInfo"] = .string("built from the source package \(source)")
    }
    if let homepage = package.homepage { object["homepage"] = .string(homepage) }
    return .object(object)
  }

  private static func link(_ locator: String) -> JSONValue {
    .object([
      "referenceCategory": .string("PACKAGE-MANAGER"), "referenceType": .string("purl"),
      "referenceLocator": .string(locator),
    ])
  }

  /// Letters, digits, `.` and `-` alone; what else there is becomes its number, so that no two are the same.
  private static func identifier(_ package: SBOMPackage) -> String {
    var text = "SPDXRef-Package-"
    for byte in "\(package.name)/\(package.version)/\(package.architecture)".utf8 {
      switch byte {
      case UInt8(ascii: "/"): text += "-"
      case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x2e: text.unicodeScalars.append(Unicode.Scalar(byte))
      default: text += "-\(String(byte, radix: 16))"
      }
    }
    return text
  }

  /// Percent-encoding as package URLs have it.
  private static func escaped(_ text: String) -> String {
    var result = ""
    for byte in text.utf8 {
      switch byte {
      case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x2e, 0x5f, 0x7e:
        result.unicodeScalars.append(Unicode.Scalar(byte))
      default: result += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
      }
    }
    return result
  }
}
