import Glibc
import Posix
import SystemPackage

extension NativeEngine {
  static func listed(_ job: BootstrapJob) throws -> Packages {
    guard let value = getenv("GARBOARD_NATIVE_LIST") else { throw BootstrapError.badMirror("") }
    let text = String(decoding: try readHostFile(FilePath(String(cString: value))), as: UTF8.self)
    return Packages(
      text.split(separator: "\n").map { line in
        let words = line.split(separator: " ")
        return Packages.Package(
          file: FilePath(String(words[2])), stage: words[0] == "e" ? .essential : .rest, isAutomatic: words[1] == "a")
      })
  }
}
