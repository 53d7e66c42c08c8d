import Glibc
import Posix
import SystemPackage

/// The tools that are there: executables called `garboard-NAME`, beside this program or in `PATH`.
public struct ToolFinder: Sendable {
  private let paths: [String: String]

  /// Looks for them; the first folder that has a name wins.
  public init() {
    var paths: [String: String] = [:]
    for folder in Self.folders {
      guard let directory = opendir(folder) else { continue }
      defer { closedir(directory) }
      while let entry = readdir(directory) {
        let file = withUnsafePointer(to: &entry.pointee.d_name) { name in
          name.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        guard file.hasPrefix("garboard-") else { continue }
        let name = String(file.dropFirst("garboard-".count))
        let path = folder + "/" + file
        if paths[name] == nil, Self.isName(name), Self.isProgram(path) { paths[name] = path }
      }
    }
    self.paths = paths
  }

  /// The names, without "garboard-", in bytewise order.
  public var names: [String] { paths.keys.sorted { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) } }

  /// Where a tool is.
  public func path(of name: String) -> String? { paths[name] }

  private static var folders: [String] {
    var folders: [String] = []
    var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
    let count = readlink("/proc/self/exe", &buffer, buffer.count - 1)
    if count > 0 {
      let bytes = buffer.prefix(count).map { UInt8(bitPattern: $0) }
      folders.append(FilePath(String(decoding: bytes, as: UTF8.self)).removingLastComponent().string)
    }
    if let search = getenv("PATH") {
      // An empty part would be the working directory, where nobody expects programs to be.
      folders += String(cString: search).split(separator: ":").map(String.init)
    }
    return folders
  }

  private static func isName(_ name: String) -> Bool {
    !name.isEmpty
      && name.utf8.allSatisfy {
        (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || $0 == UInt8(ascii: "-")
      }
  }

  private static func isProgram(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG && access(path, X_OK) == 0
  }
}
