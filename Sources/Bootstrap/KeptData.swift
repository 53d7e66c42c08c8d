import Cache
import Digest
import Glibc
import Posix
import SystemPackage

/// The decompressed files of packages that were used before, kept in the cache: a zstd that takes no time to
/// decompress, where xz takes most of the time in which a package is unpacked.
///
/// Only this process opens and names the files: the one that makes a root may be another user. That one gets
/// descriptors.
struct KeptData: Sendable {
  let cache: PackageCache

  /// The data of a package; nil when they aren't there. What is damaged is removed.
  func open(_ package: Digest) -> Descriptor? {
    let path = cache.data(package)
    guard let file = try? openFile(path, .read) else { return nil }
    guard (try? Seal.isWhole(file, of: package)) == true else {
      _ = path.withPlatformString { unlink($0) }
      return nil
    }
    PackageCache.touch(path)
    return file
  }

  /// A file for the data of a package; nil where the cache can't be written to, which is no reason to fail.
  func begin(_ package: Digest) -> Entry? {
    guard (try? makeDirectories(cache.dataFolder)) != nil,
      let file = try? GrowingFile(cache.data(package)), let descriptor = try? file.duplicate()
    else { return nil }
    return Entry(package: package, file: file, descriptor)
  }

  /// Data that are being written.
  final class Entry: Sendable {
    private let package: Digest
    private let file: GrowingFile
    private let descriptor: Descriptor

    fileprivate init(package: Digest, file: GrowingFile, _ descriptor: consuming Descriptor) {
      self.package = package
      self.file = file
      self.descriptor = descriptor
    }

    /// Where `DataKeeper` writes.
    var raw: Int32 { descriptor.raw }

    /// Gives the file its name if all was written.
    func keep() {
      guard (try? Seal.isWhole(descriptor, of: package)) == true else { return }
      try? file.commit()
    }
  }
}
