public import Debian
public import Fetch
public import Posix
public import SystemPackage

/// Why a base system could not be made.
public enum BootstrapError: Error, Sendable {
  /// A suite, package or option that can't be given to an engine as it is.
  case badArgument(what: String, value: String)
  /// Two things that were asked for and can't be together; `instead` says what to do.
  case badCombination(String, with: String, instead: String)
  /// An image that packages can't be added to.
  case unsuitableBase(String)
  /// A MIRROR that is no URL, source line or file.
  case badMirror(String)
  /// A file of sources that can't be read.
  case badSources(SyntaxError)
  /// No MIRROR was named, and the machine's own sources have none for the suite.
  case noMirror(suite: String)
  /// The machine's sources have no archive of security updates for a release that has one.
  case noSecurityMirror(suite: String)
  /// A program that the work needs is not installed.
  case missingProgram(String, package: String)
  /// The engine can't do what was asked for; `instead` says which one can.
  case unsupported(engine: String, what: String, instead: String?)
  /// This user has no subordinate ids in this file, or too few.
  case noSubordinateIdentities(FilePath)
  /// The engine needs root.
  case needsRoot(engine: String)
  /// Programs of the architecture don't run on this machine.
  case foreignArchitecture(String, reason: String)
  /// The archive's `Release` file could not be fetched or read.
  case noRelease(suite: String, uri: String, reason: String)
  /// A keyring that can't be used.
  case badKeyring(FilePath, reason: String)
  /// The engine ended in another way than well.
  case engineFailed(EngineFailure)
  /// A file of an archive could not be fetched.
  case download(FetchError)
  /// A file is not in the cache, and the network may not be asked.
  case offline(String)
  /// What an archive signs is not to be believed.
  case untrusted(String, reason: String)
  /// What an archive says of itself does not fit the request.
  case badRelease(String, reason: String)
  /// There is no set of packages as it was asked for.
  case unsolvable(SolverError)
  /// A lock file that can't be used.
  case badLock(FilePath, reason: String)
  /// A system call failed.
  case system(PosixError)
}

/// How an engine ended that did not end well.
public struct EngineFailure: Error, Sendable {
  /// What was running: `mmdebstrap`.
  public var program: String
  /// How it ended.
  public var status: ChildProcess.Status
  /// The last lines of its output, oldest first.
  public var lastLines: [String]
  /// Whether the last lines are shown too: they are the words of a script, which nobody else has kept.
  public var showsOutput = false

  /// The line that says best why: the first error of the last lines, else the last line.
  public var cause: String? {
    let errors = lastLines.filter { $0.hasPrefix("E: ") }
    // mmdebstrap repeats an error of apt as its own, with the whole command, and ends in general words.
    let telling = errors.first { !$0.hasPrefix("E: setup failed") && !$0.hasSuffix("failed to run") }
    return (telling ?? errors.first ?? lastLines.last).map { line in
      line.hasPrefix("E: ") ? String(line.dropFirst(3)) : line
    }
  }
}

extension EngineFailure: CustomStringConvertible {
  /// "mmdebstrap failed (exit status 25): Unable to locate package x".
  public var description: String {
    let how =
      switch status {
      case .exited(let code): "exit status \(code)"
      case .signalled(let signal): "signal \(signal)"
      }
    let text = "\(program) failed (\(how))" + (cause.map { ": " + $0 } ?? "")
    if !showsOutput { return text }
    let words = lastLines.filter { !$0.hasPrefix("E: ") && !$0.hasPrefix("I: ") }
    return text + words.map { "\n  | " + $0 }.joined()
  }
}

extension BootstrapError {
  /// What ended a download, as an error of this module; nil for what no download ends with.
  init?(ending error: any Error) {
    switch error {
    case let error as FetchError: self = .download(error)
    case let error as PosixError: self = .system(error)
    case let error as BootstrapError: self = error
    default: return nil
    }
  }
}

extension BootstrapError: CustomStringConvertible {
  /// What is wrong, in one line.
  public var description: String {
    switch self {
    case .badArgument(let what, let value): "\"\(displayed(value.utf8))\" can't be a \(what)"
    case .badCombination(let one, let other, let instead): "\(one) does not go with \(other): \(instead)"
    case .unsuitableBase(let reason): "can't add packages to the base: \(reason)"
    case .badMirror(let text):
      "\"\(displayed(text.utf8))\" is no mirror: a URL, a \"deb …\" line, a file of sources or - is"
    case .badSources(let error): error.description
    case .noMirror(let suite):
      "the machine's apt sources have no Debian archive to take \(suite) from: name a MIRROR"
    case .noSecurityMirror(let suite):
      "the machine's apt sources have no archive of security updates for \(suite): name the MIRRORs"
    case .missingProgram(let program, let package):
      "\(program) is not installed (Debian package \(package))"
    case .unsupported(let engine, let what, let instead):
      "the engine \(engine) has no \(what)" + (instead.map { ": use --engine \($0)" } ?? "")
    case .noSubordinateIdentities(let file):
      "this user has no range of 65536 ids in \(file), which a user namespace needs"
    case .needsRoot(let engine): "the engine \(engine) needs root: use --engine mmdebstrap without it"
    case .foreignArchitecture(let name, let reason):
      "programs of the architecture \(name) don't run here: \(reason)"
    case .noRelease(let suite, let uri, let reason): "can't read the suite \(suite) at \(uri): \(reason)"
    case .badKeyring(let path, let reason): "can't use the keyring \(path): \(reason)"
    case .engineFailed(let failure): failure.description
    case .download(let error): error.description
    case .offline(let url): "\(url) is not in the cache, and --offline forbids to fetch it"
    case .untrusted(let url, let reason): "can't trust \(url): \(reason)"
    case .badRelease(let url, let reason): "can't use \(url): \(reason)"
    case .unsolvable(let error): error.description
    case .badLock(let path, let reason): "can't use the lock file \(path): \(reason)"
    case .system(let error): error.description
    }
  }
}
