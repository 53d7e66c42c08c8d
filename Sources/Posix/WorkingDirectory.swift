import Glibc
public import SystemPackage

/// The directory that relative paths start from: getcwd(3).
public func workingDirectory() throws(PosixError) -> FilePath {
  guard let bytes = getcwd(nil, 0) else {
    throw PosixError("find", "the working directory", Errno(rawValue: errno))
  }
  defer { free(bytes) }
  return FilePath(platformString: bytes)
}
