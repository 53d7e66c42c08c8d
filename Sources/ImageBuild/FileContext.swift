import Glibc
import OCI
import Posix
import Recipe
import SystemPackage

/// Files of a recipe as a Dockerfile with its context: one layer, whose bytes depend neither on the times of the
/// files nor on the umask of who wrote them.
struct FileContext {
  /// What `FROM` names.
  static let baseName = "below"

  var files: [Recipe.File]
  /// The time that all files get, in seconds since 1970.
  var time: Int64

  /// The Dockerfile. Where files come from is a number and their own name, so that nothing has to be quoted but
  /// where they go.
  var dockerfile: String {
    var text = "FROM \(Self.baseName)\n"
    for (index, file) in files.enumerated() {
      var words = "COPY"
      if let owner = file.owner { words += " --chown=\(owner)" }
      if let mode = file.mode { words += " --chmod=\(mode)" }
      let source = isFolder(file) ? "\(index)/" : "\(index)/\(Self.name(file))"
      text += "\(words) \(Self.quoted([source, file.destination]))\n"
    }
    return text
  }

  private func isFolder(_ file: Recipe.File) -> Bool {
    guard case .path(let path) = file.content else { return false }
    var status = stat()
    return path.withPlatformString({ stat($0, &status) }) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  private static func name(_ file: Recipe.File) -> String {
    switch file.content {
    case .path(let path): path.lastComponent?.string ?? "file"
    // Its name is the last part of where it goes; a text never goes into a folder.
    case .text: "text"
    }
  }

  /// A JSON list, in which the Dockerfile's variables are no variables.
  private static func quoted(_ words: [String]) -> String {
    let escaped = words.map { $0.replacing("\\", with: "\\\\").replacing("$", with: "\\$") }
    return JSONText.list(escaped)
  }

  /// Writes `Dockerfile` and `context` into a folder.
  func write(to folder: FilePath) throws {
    try ImageBuild.write(Array(dockerfile.utf8), to: folder.appending("Dockerfile"))
    let context = folder.appending("context")
    try makeDirectories(context)
    for (index, file) in files.enumerated() {
      let place = context.appending("\(index)")
      switch file.content {
      case .text(let text):
        try makeDirectories(place)
        let target = place.appending(Self.name(file))
        try ImageBuild.write(Array(text.utf8), to: target)
        try finish(target, 0o644)
      case .path(let path):
        if isFolder(file) {
          try copyFolder(path, to: place)
        } else {
          try makeDirectories(place)
          try copy(path, to: place.appending(Self.name(file)), follows: true)
        }
      }
    }
  }

  private func copyFolder(_ source: FilePath, to target: FilePath) throws {
    try makeDirectories(target)
    let directory = try openFile(source, .directory)
    for name in try listDirectory(directory.raw, shown: source.string) {
      let (from, to) = (try Self.path(source, name), try Self.path(target, name))
      try copy(from, to: to, follows: false)
    }
    try finish(target, 0o755)
  }

  private func copy(_ source: FilePath, to target: FilePath, follows: Bool) throws {
    var status = stat()
    let result = source.withPlatformString { follows ? stat($0, &status) : lstat($0, &status) }
    if result != 0 { throw PosixError("read", source.string, Errno(rawValue: errno)) }
    switch status.st_mode & S_IFMT {
    case S_IFDIR: try copyFolder(source, to: target)
    case S_IFLNK:
      var text = [CChar](repeating: 0, count: Int(PATH_MAX))
      let count = source.withPlatformString { readlink($0, &text, text.count - 1) }
      if count < 0 || target.withPlatformString({ symlink(text, $0) }) != 0 {
        throw PosixError("copy the link", source.string, Errno(rawValue: errno))
      }
      try setTime(target)
    case S_IFREG:
      let from = try openFile(source, .read)
      let to = try openFile(target, .createNew(0o600))
      try withUnsafeTemporaryAllocation(byteCount: 1 << 18, alignment: 4096) { buffer in
        while case let count = try from.read(into: buffer), count > 0 {
          try to.write(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        }
      }
      try finish(target, status.st_mode & 0o111 != 0 ? 0o755 : 0o644)
    default:
      throw ImageBuildError("\(source) is no file, folder or link: it can't be copied into an image")
    }
  }

  private static func path(_ folder: FilePath, _ name: [UInt8]) throws -> FilePath {
    try withCString(Array(folder.string.utf8) + [0x2f] + name) { FilePath(platformString: $0) }
  }

  private func finish(_ path: FilePath, _ mode: UInt32) throws {
    if path.withPlatformString({ chmod($0, mode) }) != 0 {
      throw PosixError("set the mode of", path.string, Errno(rawValue: errno))
    }
    try setTime(path)
  }

  private func setTime(_ path: FilePath) throws {
    let moment = timespec(tv_sec: Int(time), tv_nsec: 0)
    let result = path.withPlatformString { utimensat(AT_FDCWD, $0, [moment, moment], AT_SYMLINK_NOFOLLOW) }
    if result != 0 { throw PosixError("set the time of", path.string, Errno(rawValue: errno)) }
  }
}
