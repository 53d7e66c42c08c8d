/// What an image runs on: `OS/ARCH[/VARIANT]` in Go's names, normalised as containerd does.
public struct Platform: Hashable, Sendable {
  /// The operating system, as `linux`.
  public var os: String
  /// The architecture, as `amd64`.
  public var architecture: String
  /// The variant of it, as `v7` of `arm`; nil where there is only one or it is the usual one.
  public var variant: String?
  /// The version of the operating system, which only Windows uses.
  public var osVersion: String?
  /// Features of the operating system, which only Windows uses.
  public var osFeatures: [String]
  /// Fields that we don't know, kept.
  public var other: JSONObject

  /// A platform, normalised: `x86_64` is `amd64`, `arm64/v8` is `arm64`, `armhf` is `arm/v7`.
  public init(os: String = "linux", architecture: String, variant: String? = nil) {
    (self.os, self.architecture, self.variant) = Self.normalised(os, architecture, variant)
    osVersion = nil
    osFeatures = []
    other = JSONObject()
  }

  /// Reads `OS/ARCH[/VARIANT]`, or an architecture alone for Linux.
  public init(_ text: String) throws(PlatformError) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    for part in parts where part.isEmpty || !part.utf8.allSatisfy(Self.isAllowed) { throw .malformed(text) }
    switch parts.count {
    case 1:
      let platform = Platform(architecture: parts[0])
      guard Self.architectures.contains(platform.architecture) else {
        throw .unknownArchitecture(text)
      }
      self = platform
    case 2: self.init(os: parts[0], architecture: parts[1])
    case 3: self.init(os: parts[0], architecture: parts[1], variant: parts[2])
    default: throw .malformed(text)
    }
  }

  /// The platform of one of Debian's architectures; nil for what Debian doesn't have.
  public init?(debianArchitecture name: String) {
    guard let known = Self.debian.first(where: { $0.debian == name }) else { return nil }
    self.init(architecture: known.architecture, variant: known.variant)
  }

  /// Debian's name of the architecture; nil when it has no port to it.
  public var debianArchitecture: String? {
    let own = normalised
    if own.os != "linux" { return nil }
    if own.architecture == "arm" { return ["v5", "v6"].contains(own.variant) ? "armel" : "armhf" }
    return Self.debian.first { $0.architecture == own.architecture }?.debian
  }

  /// The platform that this program was built for.
  public static let host: Platform = {
    #if arch(x86_64)
      Platform(architecture: "amd64")
    #elseif arch(arm64)
      Platform(architecture: "arm64")
    #elseif arch(i386)
      Platform(architecture: "386")
    #elseif arch(arm)
      Platform(architecture: "arm", variant: "v7")
    #elseif arch(powerpc64le)
      Platform(architecture: "ppc64le")
    #elseif arch(s390x)
      Platform(architecture: "s390x")
    #elseif arch(riscv64)
      Platform(architecture: "riscv64")
    #else
      #error("an architecture without a name")
    #endif
  }()

  /// The same platform in the usual names.
  public var normalised: Platform {
    var platform = self
    (platform.os, platform.architecture, platform.variant) = Self.normalised(os, architecture, variant)
    return platform
  }

  /// Whether this stands for no platform at all, as attestations beside images have it.
  public var isUnknown: Bool { os == "unknown" || architecture == "unknown" }

  /// How well an image of this platform serves who wants `wanted`: 0 is best, nil is not at all.
  /// Older variants of the same architecture run too.
  public func distance(to wanted: Platform) -> Int? {
    let own = normalised
    let wanted = wanted.normalised
    guard own.os == wanted.os, own.architecture == wanted.architecture else { return nil }
    if own.variant == wanted.variant { return 0 }
    let plain = Self.plainLevels[own.architecture]
    guard let have = Self.level(own.variant, plain), let want = Self.level(wanted.variant, plain) else {
      return nil
    }
    return have <= want ? want - have : nil
  }

  private static let plainLevels = ["amd64": 1, "arm64": 8, "arm": 7]

  private static func level(_ variant: String?, _ plain: Int?) -> Int? {
    guard let variant else { return plain }
    return variant.hasPrefix("v") ? UInt8(variant.dropFirst()).map(Int.init) : nil
  }

  private static func isAllowed(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."):
      true
    default: false
    }
  }

  private static let architectures: Set<String> = [
    "386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle", "ppc64", "ppc64le",
    "riscv64", "s390x", "wasm",
  ]

  private static let debian: [(debian: String, architecture: String, variant: String?)] = [
    ("amd64", "amd64", nil), ("arm64", "arm64", nil), ("armhf", "arm", "v7"), ("armel", "arm", "v5"),
    ("i386", "386", nil), ("mips64el", "mips64le", nil), ("mipsel", "mipsle", nil),
    ("ppc64el", "ppc64le", nil), ("ppc64", "ppc64", nil), ("riscv64", "riscv64", nil),
    ("s390x", "s390x", nil), ("loong64", "loong64", nil),
  ]

  private static func normalised(_ os: String, _ architecture: String, _ variant: String?)
    -> (String, String, String?)
  {
    let os = os.lowercased() == "macos" ? "darwin" : os.lowercased()
    let variant = variant.map { $0.lowercased() } ?? ""
    func some(_ text: String) -> String? { text.isEmpty ? nil : text }
    switch architecture.lowercased() {
    case "i386", "i486", "i586", "i686": return (os, "386", nil)
    case "x86_64", "x86-64", "amd64": return (os, "amd64", variant == "v1" ? nil : some(variant))
    case "aarch64", "arm64":
      return (os, "arm64", ["8", "v8", "v8.0"].contains(variant) ? nil : some(variant))
    case "armhf": return (os, "arm", "v7")
    case "armel": return (os, "arm", "v6")
    case "arm":
      switch variant {
      case "", "7": return (os, "arm", "v7")
      case "5", "6", "8": return (os, "arm", "v" + variant)
      default: return (os, "arm", variant)
      }
    case "ppc64el": return (os, "ppc64le", some(variant))
    case "mips64el": return (os, "mips64le", some(variant))
    case "mipsel": return (os, "mipsle", some(variant))
    case "loongarch64": return (os, "loong64", some(variant))
    case let other: return (os, other, some(variant))
    }
  }
}

extension Platform: CustomStringConvertible {
  /// `linux/arm/v7`.
  public var description: String { "\(os)/\(architecture)" + (variant.map { "/" + $0 } ?? "") }
}

extension Platform {
  init(json: JSONValue, document: String, path: String) throws(DocumentError) {
    var fields = try FieldReader(json, document: document, path: path)
    os = try fields.required("os", fields.string("os"))
    architecture = try fields.required("architecture", fields.string("architecture"))
    variant = try fields.string("variant")
    if variant == "" { variant = nil }
    osVersion = try fields.string("os.version")
    osFeatures = try fields.strings("os.features") ?? []
    other = try fields.unknown()
  }

  /// The platform as JSON.
  public var json: JSONValue {
    var object = other
    object["os"] = .string(os)
    object["architecture"] = .string(architecture)
    object.set("variant", variant)
    object.set("os.version", osVersion)
    if !osFeatures.isEmpty { object.set("os.features", osFeatures) }
    return .object(object)
  }
}

/// A text that is no platform.
public enum PlatformError: Error, Equatable, Sendable {
  /// Not `OS/ARCH[/VARIANT]`.
  case malformed(String)
  /// An architecture alone that we don't know, so it may be anything.
  case unknownArchitecture(String)
}

extension PlatformError: CustomStringConvertible {
  /// What was wrong, in a person's words.
  public var description: String {
    switch self {
    case .malformed(let text): "\(quoted(text)) is not a platform (OS/ARCH or OS/ARCH/VARIANT)"
    case .unknownArchitecture(let text):
      "\(quoted(text)) is no architecture that is known here (write OS/ARCH to use it anyway)"
    }
  }
}
