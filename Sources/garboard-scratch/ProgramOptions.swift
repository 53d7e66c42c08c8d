import ArgumentParser
import CommandSupport
import OCI
import Scratch
import SystemPackage

/// What images from programs have besides them.
struct ProgramOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Put all this on top of an image, as one layer more; then no program need be named.", valueName: "image"
    ),
    completion: .file())
  var base: String?

  @Flag(
    help: "Add the interpreter of dynamic programs and their libraries, as the dynamic loader finds them.")
  var libraries = false

  @Option(
    help: ArgumentHelp(
      "Take libraries and all else from this root (default: /); repeat it as ARCH=DIR for several platforms.",
      valueName: "[arch=]dir"),
    completion: .directory)
  var root: [String] = []

  @Flag(help: "Add what looking up users, groups and hosts needs (glibc's name service).")
  var nss = false

  @Flag(help: "Add the certificates of authorities for TLS.")
  var caCertificates = false

  @Flag(help: "Add the time zones.")
  var tzdata = false

  @Option(
    help: ArgumentHelp(
      "Add a user with a home, and run the command as it (default: 1000:1000).", valueName: "name[:uid[:gid]]"
    ),
    transform: { try UserSpecification(parsing: $0) })
  var user: UserSpecification?

  @Flag(help: "Add a /tmp for everybody.")
  var tmp = false

  @Flag(
    name: .customLong("init"),
    help: "Run the command under a static tini, which reaps zombies and passes signals.")
  var addsInit = false

  @Flag(help: "Add a static busybox, as sh too.")
  var shell = false

  @Option(
    help: ArgumentHelp(
      "Add a file, what is in a folder, or what is in a tar; may be repeated.", valueName: "src:dest"),
    completion: .file(), transform: { try FileAndPlace(parsing: $0) })
  var add: [FileAndPlace] = []

  @Option(
    help: ArgumentHelp(
      "The owner of the programs and of what --add adds (default: root, and for tars as they say).",
      valueName: "user[:group]"))
  var chown: String?

  @Option(
    help: ArgumentHelp("The permissions of the same, in octal.", valueName: "mode"), transform: Self.octal)
  var chmod: UInt16?

  @Option(
    help: ArgumentHelp("What is run: a JSON array, or words.", valueName: "words"), transform: Self.words)
  var entrypoint: CommandWords?

  @Option(
    help: ArgumentHelp(
      "Its arguments, or what is run without an entrypoint (default: the first file): a JSON array, or words.",
      valueName: "words"), transform: Self.words)
  var cmd: CommandWords?

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp("A variable of the environment; may be repeated.", valueName: "name=value"),
    transform: Self.pair)
  var env: [NamedValue] = []

  @Option(
    name: .shortAndLong, help: ArgumentHelp("The working directory.", valueName: "dir"),
    transform: Self.folder)
  var workdir: String?

  @Option(
    name: .shortAndLong, help: ArgumentHelp("A label; may be repeated.", valueName: "name=value"),
    transform: Self.pair)
  var label: [NamedValue] = []

  @Flag(help: "Make an index of images, one for each platform that the programs are for.")
  var multiArch = false

  /// The words of a command.
  struct CommandWords: Sendable {
    var words: [String]
  }

  /// A name and a value.
  struct NamedValue: Sendable {
    var name: String
    var value: String
  }

  /// What these options ask for, with the programs.
  func request(_ files: [FileAndPlace], platform: Platform?) throws -> ScratchRequest {
    var request = ScratchRequest()
    request.programs = files
    request.additions = add
    request.roots = root.map { text in
      guard let equals = text.firstIndex(of: "="), let platform = try? Platform(String(text[..<equals]))
      else {
        return (nil, FilePath(text))
      }
      return (platform, FilePath(String(text[text.index(after: equals)...])))
    }
    if request.roots.filter({ $0.platform == nil }).count > 1 {
      throw ValidationError("--root can be given once without an architecture.")
    }
    request.addsLibraries = libraries
    request.addsNameService = nss
    request.addsCertificates = caCertificates
    request.addsTimeZones = tzdata
    request.user = user
    request.addsTemporaryFolder = tmp
    request.addsInit = addsInit
    request.addsShell = shell
    request.owner = chown
    request.mode = chmod
    request.entrypoint = entrypoint?.words
    request.command = cmd?.words
    request.environment = env.map { ($0.name, $0.value) }
    request.workingDirectory = workdir
    request.labels = Dictionary(label.map { ($0.name, $0.value) }, uniquingKeysWith: { _, last in last })
    request.platform = platform
    request.isMultiArchitecture = multiArch
    return request
  }

  /// Whether something is asked for besides programs.
  var addsSomething: Bool {
    nss || caCertificates || tzdata || user != nil || tmp || addsInit || shell || !add.isEmpty
      || entrypoint != nil || cmd != nil || !env.isEmpty || workdir != nil || !label.isEmpty
  }

  /// The first of these options that was given, for a build that has no place for them.
  var firstGiven: String? {
    let given: [(String, Bool)] = [
      ("--base", base != nil), ("--libraries", libraries), ("--root", !root.isEmpty), ("--nss", nss),
      ("--ca-certificates", caCertificates),
      ("--tzdata", tzdata), ("--user", user != nil), ("--tmp", tmp), ("--init", addsInit), ("--shell", shell),
      ("--add", !add.isEmpty), ("--chown", chown != nil), ("--chmod", chmod != nil),
      ("--entrypoint", entrypoint != nil), ("--cmd", cmd != nil), ("--env", !env.isEmpty),
      ("--workdir", workdir != nil), ("--label", !label.isEmpty), ("--multi-arch", multiArch),
    ]
    return given.first { $0.1 }?.0
  }

  private static func octal(_ text: String) throws -> UInt16 {
    guard let mode = UInt16(text, radix: 8), mode <= 0o7777 else {
      throw ValidationError("it must be an octal number up to 7777")
    }
    return mode
  }

  private static func words(_ text: String) throws -> CommandWords {
    if text.utf8.first == UInt8(ascii: "[") {
      guard case .array(let values)? = try? JSONValue(parsing: Array(text.utf8)) else {
        throw ValidationError("it is no JSON array of strings")
      }
      return CommandWords(
        words: try values.map { value in
          guard case .string(let word) = value else {
            throw ValidationError("it is no JSON array of strings")
          }
          return word
        })
    }
    return CommandWords(words: text.split(separator: " ").map(String.init))
  }

  private static func pair(_ text: String) throws -> NamedValue {
    guard let equals = text.firstIndex(of: "="), equals != text.startIndex else {
      throw ValidationError("it must be a name, = and a value")
    }
    return NamedValue(name: String(text[..<equals]), value: String(text[text.index(after: equals)...]))
  }

  private static func folder(_ text: String) throws -> String {
    guard text.hasPrefix("/") else { throw ValidationError("it must start with /") }
    return text
  }
}
