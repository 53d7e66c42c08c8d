public import OCI
public import SystemPackage

/// What an image from programs shall be.
public struct ScratchRequest: Sendable {
  /// The image that all this is put on top of; nil for an image of this alone.
  public var base: ScratchBase?
  /// The programs; the first is the command.
  public var programs: [FileAndPlace] = []
  /// Further files, folders and tars.
  public var additions: [FileAndPlace] = []
  /// Where libraries and extras are taken from: for one platform, or (nil) for all.
  public var roots: [(platform: Platform?, path: FilePath)] = []
  /// Whether the interpreter and the libraries of programs are added.
  public var addsLibraries = false
  /// Whether names of users and hosts can be looked up.
  public var addsNameService = false
  /// Whether the certificates of authorities are added.
  public var addsCertificates = false
  /// Whether the time zones are added.
  public var addsTimeZones = false
  /// A user who is added and runs the command.
  public var user: UserSpecification?
  /// Whether there is a `/tmp`.
  public var addsTemporaryFolder = false
  /// Whether an init runs the command.
  public var addsInit = false
  /// Whether there is a shell.
  public var addsShell = false
  /// The owner of programs and additions: `USER[:GROUP]`.
  public var owner: String?
  /// Their permissions, in octal.
  public var mode: UInt16?
  /// What is run.
  public var entrypoint: [String]?
  /// Its arguments, or what is run when there is no entrypoint.
  public var command: [String]?
  /// The environment: names and values.
  public var environment: [(name: String, value: String)] = []
  /// The working directory.
  public var workingDirectory: String?
  /// Labels.
  public var labels: [String: String] = [:]
  /// The platform that the programs must be for.
  public var platform: Platform?
  /// Whether programs of several platforms make an index.
  public var isMultiArchitecture = false

  /// An image of nothing.
  public init() {}
}

/// `NAME[:UID[:GID]]`.
public struct UserSpecification: Sendable, Hashable {
  /// The name.
  public var name: String
  /// The user's number.
  public var user: UInt32
  /// The group's number.
  public var group: UInt32

  /// The number of a user of whom only the name was given: the first that Debian gives to people.
  public static let defaultNumber: UInt32 = 1000

  /// Reads a specification. Without numbers the user gets 1000 (0 as root), and the group the user's number.
  ///
  /// - Throws: `ScratchError` for what is none.
  public init(parsing text: String) throws {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    func number(_ index: Int, else standard: UInt32) throws -> UInt32 {
      guard parts.count > index else { return standard }
      guard let number = UInt32(parts[index]), number < UInt32.max else {
        throw ScratchError.value(text, problem: "is not NAME[:UID[:GID]]: \"\(parts[index])\" is no number")
      }
      return number
    }
    guard (1...3).contains(parts.count), Self.isName(parts[0]) else {
      throw ScratchError.value(
        text, problem: "is not NAME[:UID[:GID]] (a name has letters, digits, ., _ and -)")
    }
    name = parts[0]
    user = try number(1, else: name == "root" ? 0 : Self.defaultNumber)
    group = try number(2, else: user)
  }

  private static func isName(_ text: String) -> Bool {
    guard let first = text.utf8.first, text.utf8.count <= 32, first != UInt8(ascii: "-") else { return false }
    let isNumber = text.utf8.allSatisfy { (0x30...0x39).contains($0) }
    return !isNumber
      && text.utf8.allSatisfy {
        (0x30...0x39).contains($0) || (0x41...0x5a).contains($0) || (0x61...0x7a).contains($0)
          || [0x2d, 0x2e, 0x5f].contains($0)
      }
  }
}
