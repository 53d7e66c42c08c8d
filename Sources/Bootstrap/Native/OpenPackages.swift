import Glibc
import Posix
import SystemPackage

/// Opened .deb files, and what the cache has of their files, which the process that makes the root inherits under
/// their numbers.
final class OpenPackages {
  private(set) var packages: [RootOrder.Package] = []
  private var there: [Int32] = []
  private var wanted: [KeptData.Entry] = []

  init(_ packages: NativeEngine.Packages, jobs: Int) throws {
    let hasRoom = Self.makeRoom(for: packages.packages.count)
    for package in packages.packages {
      self.packages.append(
        RootOrder.Package(
          descriptor: try Self.opened(try openFile(package.file, .read)),
          file: package.file.lastComponent?.string ?? package.file.string,
          isEssential: package.stage == .essential, isAutomatic: package.isAutomatic,
          priority: package.priority))
    }
    if let cache = packages.cache, hasRoom { try openData(packages, KeptData(cache: cache), jobs: jobs) }
  }

  deinit { for descriptor in packages.map(\.descriptor) + there { close(descriptor) } }

  /// The descriptors that the packages name.
  var inherited: [Int32] { packages.map(\.descriptor) + there + wanted.map(\.raw) }

  /// Gives the cache what was decompressed for it.
  func keepData() {
    _ = try? inThreads(processorCount(), count: wanted.count) { [wanted] in { wanted[$0].keep() } }
  }

  private func openData(_ packages: NativeEngine.Packages, _ kept: KeptData, jobs: Int) throws {
    let found = Monitor([Int: (raw: Int32, size: UInt64)]())
    let all = packages.packages
    try inThreads(jobs, count: all.count) {
      { index in
        guard let digest = all[index].digest, let file = kept.open(digest) else { return }
        let size = try file.size()
        let raw = try Self.opened(file)
        found.change { $0[index] = (raw, size) }
      }
    }
    let files = found.change { $0 }
    there = files.values.map(\.raw)
    for index in all.indices {
      if let file = files[index] {
        self.packages[index].data = .there(file.raw, size: file.size)
      } else if all[index].isKept, let digest = all[index].digest, let entry = kept.begin(digest) {
        wanted.append(entry)
        self.packages[index].data = .wanted(entry.raw, digest)
      }
    }
  }

  /// Away from the numbers of the standard streams.
  private static func opened(_ file: consuming Descriptor) throws -> Int32 { try file.duplicate().release() }

  /// Lets this process have so many packages open; whether there is room for their data, too.
  private static func makeRoom(for count: Int) -> Bool {
    var limit = rlimit()
    let wanted = rlim_t(3 * count + 256)
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return false }
    if limit.rlim_cur < wanted {
      limit.rlim_cur = min(limit.rlim_max, wanted)
      setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
    return limit.rlim_cur >= wanted
  }
}
