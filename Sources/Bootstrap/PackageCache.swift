import Cache
import Debian
import Digest
import Glibc
import Posix
public import SystemPackage

/// What is kept of archives for the next time, shared by all processes that name the same directory.
///
/// ```
/// debs/SHA256.deb           packages
/// debs/SHA256.part          a package that is being downloaded, locked by the process that does it
/// data/SHA256.tar.zst       the files of a package, decompressed once (`KeptData`)
/// indexes/SHA256.index      a parsed index, by what its compressed file must be and the architecture
/// indexes/SHA256.release    the last InRelease of one archive and suite, by their names
/// ```
///
/// While a process has one open, no other removes what it may need (`garboard-cache prune`): packages and indexes
/// are used by their names. All names but those of `.part` are given to complete files only, in one step; what is found is checked
/// before it is believed.
public struct PackageCache: Sendable {
  /// The cache's directory.
  public let directory: FilePath
  var packages: FilePath { CacheFolder.packages.path(in: directory) }
  var dataFolder: FilePath { CacheFolder.data.path(in: directory) }
  var indexes: FilePath { CacheFolder.indexes.path(in: directory) }

  /// The cache in `directory`, which is made when it is missing.
  public init(_ directory: FilePath) throws(BootstrapError) {
    self.directory = absolutePath(directory)
    do throws(PosixError) {
      try makeDirectories(packages)
      try makeDirectories(indexes)
    } catch {
      throw .system(error)
    }
    CacheLock.usePackages(in: self.directory)
  }

  /// Notes that a file was used just now, which only decides what a cache that is full loses first.
  static func touch(_ path: FilePath) {
    _ = path.withPlatformString { utimensat(AT_FDCWD, $0, nil, 0) }
  }

  func package(_ digest: Digest) -> FilePath { packages.appending(digest.hex + ".deb") }
  func part(_ digest: Digest) -> FilePath { packages.appending(digest.hex + ".part") }

  func data(_ package: Digest) -> FilePath { dataFolder.appending(package.hex + ".tar.zst") }

  func index(_ digest: Digest, architecture: String) -> FilePath {
    let key = Array("\(digest.hex) \(architecture)".utf8)
    return indexes.appending(SHA256.digest(key).hex + ".index")
  }

  func release(uri: String, suite: String) -> FilePath {
    indexes.appending(SHA256.digest(Array("\(uri) \(suite)".utf8)).hex + ".release")
  }

  /// Removes the parsed indexes of a state that another one takes the place of. Who has one open keeps it.
  func forgetIndexes(of old: ReleaseFile, besides new: ReleaseFile) {
    for (path, file) in old.files where new.files[path] != file {
      let folder = path.split(separator: "/").first { $0.hasPrefix("binary-") }
      guard let name = folder?.dropFirst("binary-".count) else { continue }
      for architecture in name == "all" ? old.architectures : [String(name)] {
        _ = index(file.sha256, architecture: architecture).withPlatformString { unlink($0) }
      }
    }
  }

  /// Gives a complete file its name, over what was there.
  func store(_ parts: [UnsafeRawBufferPointer], as path: FilePath) throws(BootstrapError) {
    do throws(PosixError) {
      var file = try AtomicFile(path)
      for part in parts { try file.descriptor.write(part) }
      try file.commit()
    } catch {
      throw .system(error)
    }
  }
}
