import Debian
import Digest
import Posix
import Synchronization

/// A package of a plan, opened: where its parts are and what it says about itself.
final class NativePackage: Sendable {
  /// The file, for messages.
  let file: String
  /// The open file, which the process owns until its end.
  let raw: Int32
  let archive: DebArchive
  let control: PackageControl
  /// Whether it is installed before there is a system.
  let isEssential: Bool
  /// Whether it was not asked for, but is needed by another.
  let isAutomatic: Bool
  /// What the cache has of its files.
  let data: Data

  /// What the cache has of a package's files, decompressed.
  enum Data: Sendable, Equatable {
    /// Nothing, and it wants nothing.
    case none
    /// They are in this file, of this size.
    case there(Int32, size: UInt64)
    /// They are wanted there; the package's SHA-256.
    case wanted(Int32, Digest)
  }

  init(_ package: RootOrder.Package) throws {
    file = package.file
    raw = package.descriptor
    isEssential = package.isEssential
    isAutomatic = package.isAutomatic
    data = package.data
    archive = try DebArchive(raw, name: file)
    var control = try PackageControl(raw, archive, file: file)
    if let priority = package.priority { control.priority = priority }
    self.control = control
  }

  /// Takes the files for the cache; nil where it wants none.
  var keeper: DataKeeper? {
    if case .wanted(let raw, let digest) = data { DataKeeper(raw, digest) } else { nil }
  }

  /// Opens packages in up to `jobs` threads, and gives them in the order in which they are installed, the
  /// essential ones first.
  static func open(_ packages: [RootOrder.Package], jobs: Int) throws -> [NativePackage] {
    let opened = Mutex([NativePackage?](repeating: nil, count: packages.count))
    try inThreads(jobs, count: packages.count) {
      { index in
        let made = try NativePackage(packages[index])
        opened.withLock { $0[index] = made }
      }
    }
    let all = opened.withLock { $0.compactMap { $0 } }
    let stages = [true, false].map { isEssential in all.filter { $0.isEssential == isEssential } }
    let first = ConfigureRounds.order(of: stages[0].map(\.control), after: []).map { stages[0][$0] }
    let rest = ConfigureRounds.order(of: stages[1].map(\.control), after: first.map(\.control))
    return first + rest.map { stages[1][$0] }
  }
}
