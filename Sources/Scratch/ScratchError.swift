import Archive
public import ELF
public import OCI
import Posix

/// Why no image can be made of what was given.
public enum ScratchError: Error, Sendable, Equatable {
  /// A file that was named is not there.
  case missing(String)
  /// A file that can't be what it should be: a program, a static one.
  case unsuitable(String, problem: String)
  /// A file whose ELF structures are broken.
  case broken(String, ELFError)
  /// Links that lead nowhere but to each other.
  case linkLoop(String)
  /// Libraries that no folder has, with what needs them and where one is for another machine.
  case libraries(program: String, [MissingLibrary])
  /// The interpreter that a script names is not in the image.
  case interpreter(script: String, interpreter: String, missing: String)
  /// Programs of several platforms, and no index was asked for.
  case platforms([String])
  /// A program for another platform than the one that was asked for.
  case platform(String, is: Platform, wanted: Platform)
  /// Two things for one place in the image.
  case conflict(String, problem: String)
  /// An owner's name that the image doesn't know.
  case unknownOwner(String)
  /// An option's value that has no meaning.
  case value(String, problem: String)
  /// Something that an extra needs is not in the root.
  case extra(String, needs: String, root: String)
}

/// A library that was not found.
public struct MissingLibrary: Error, Sendable, Hashable {
  /// Its name.
  public var name: String
  /// What needs it.
  public var neededBy: String
  /// Where one of that name is for another machine; nil when there is none.
  public var foreign: String?
}

extension MissingLibrary: CustomStringConvertible {
  /// The library, what needs it, and what was found instead.
  public var description: String {
    "\(name) (needed by \(neededBy)\(foreign.map { "; \($0) is for another architecture" } ?? ""))"
  }
}

extension ScratchError: CustomStringConvertible {
  /// What was wrong, in a person's words.
  public var description: String {
    switch self {
    case .missing(let path): "there is no file \(path)"
    case .unsuitable(let path, let problem): "\(path) \(problem)"
    case .broken(let path, let error): "\(path) \(error)"
    case .linkLoop(let path): "\(path) leads through too many symlinks"
    case .libraries(let program, let missing):
      "\(program) needs what was not found: \(missing.map { "\($0)" }.joined(separator: ", "))"
    case .interpreter(let script, let interpreter, let missing):
      "\(script) is a script for \(interpreter), but \(missing) is not in the image: add it as FILE:\(missing)"
    case .platforms(let programs):
      "the programs are for several platforms: \(programs.joined(separator: ", ")) "
        + "(--multi-arch makes an index of them)"
    case .platform(let path, let platform, let wanted):
      "\(path) is for \(platform), not for \(wanted)"
    case .conflict(let path, let problem): "\(path) in the image \(problem)"
    case .unknownOwner(let name):
      "the image knows no \"\(name)\": give a number, or add it with --user"
    case .value(let value, let problem): "\"\(value)\" \(problem)"
    case .extra(let option, let needs, let root): "\(option) needs \(needs), which is not in \(root)"
    }
  }
}
