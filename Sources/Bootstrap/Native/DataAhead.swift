import Codec
import Debian
import Posix
import SystemPackage

/// Decompresses the files of packages before it is their turn: on processors that scripts of other packages
/// leave free, or on all of them.
///
/// `stop` ends that when the processors are needed: a package that was begun is finished, and one that was
/// not is decompressed by who asks for it.
final class DataAhead: Sendable {
  private enum Piece {
    case untouched
    case begun
    case ready(DecompressedFile)
    case taken
  }

  private struct State {
    var pieces: [Piece]
    var held: UInt64 = 0
    var isStopped = true
    var threads = 0
  }

  private let packages: [NativePackage]
  private let places: [ObjectIdentifier: Int]
  private let jobs: Int
  private let folder: FilePath?
  private let limit: UInt64
  private let state: Monitor<State>

  /// Decompresses nothing until `start`.
  ///
  /// - Parameters:
  ///   - packages: in the order in which they are wanted.
  ///   - jobs: how many threads may work at a time.
  ///   - folder: where the files without a name are that hold what waits; in memory when nil.
  ///   - limit: how many decompressed bytes may wait before no further package is begun.
  init(_ packages: [NativePackage], jobs: Int, folder: FilePath? = nil, limit: UInt64 = .max) {
    self.packages = packages
    self.jobs = jobs
    self.folder = folder
    self.limit = limit
    var places: [ObjectIdentifier: Int] = [:]
    for (index, package) in packages.enumerated() { places[ObjectIdentifier(package)] = index }
    self.places = places
    state = Monitor(State(pieces: Array(repeating: .untouched, count: packages.count)))
  }

  /// Packages with the largest first, so that no thread is left with one at the end.
  static func byWork(_ packages: [NativePackage]) -> [NativePackage] {
    packages.indices.sorted {
      (packages[$1].archive.data.size, $0) < (packages[$0].archive.data.size, $1)
    }.map { packages[$0] }
  }

  /// Packages in their order, but the largest before them, for a reader who takes them in their order: it has
  /// little left to do when the last is decompressed, and that one is small.
  static func inOrder(_ packages: [NativePackage]) -> [NativePackage] {
    let large = packages.reduce(0) { $0 + $1.archive.data.size } / 32
    return byWork(packages.filter { $0.archive.data.size > large })
      + packages.filter { $0.archive.data.size <= large }
  }

  /// Lets threads work until `stop`, or until there is nothing left.
  func start() {
    let missing = state.change { state in
      state.isStopped = false
      defer { state.threads = jobs }
      return jobs - state.threads
    }
    for _ in 0..<missing {
      // Nobody waits for the thread: what it has begun is waited for by who needs it.
      _ = Worker { [self] in while let index = next() { finish(index) } }
    }
  }

  /// Begins no further package.
  func stop() { state.change { $0.isStopped = true } }

  /// The decompressed files of a package, as a tar; once.
  func source(of package: NativePackage) throws -> any ByteSource {
    if let file = take(package) { return file.open() }
    let source = try Self.decompressor(package)
    return package.keeper.map { KeepingSource(source, $0) } ?? source
  }

  /// The same in a file; once.
  func file(of package: NativePackage) throws -> DecompressedFile {
    try take(package) ?? decompressed(package)
  }

  private func take(_ package: NativePackage) -> DecompressedFile? {
    guard let index = places[ObjectIdentifier(package)] else { return nil }
    return state.wait { state -> DecompressedFile?? in
      switch state.pieces[index] {
      case .begun: return nil
      case .ready(let file):
        state.pieces[index] = .taken
        state.held -= file.size
        return file
      case .untouched, .taken:
        // Threads that wait for room wait for this.
        if !state.isStopped, state.threads > 0, state.held < limit { return nil }
        state.pieces[index] = .taken
        return .some(nil)
      }
    }
  }

  private func next() -> Int? {
    state.change { state in
      guard !state.isStopped, state.held < limit,
        let index = state.pieces.firstIndex(where: { if case .untouched = $0 { true } else { false } })
      else {
        state.threads -= 1
        return nil
      }
      state.pieces[index] = .begun
      return index
    }
  }

  private func finish(_ index: Int) {
    // What is wrong with a package is said by who asks for it.
    let file = try? decompressed(packages[index])
    state.change { state in
      if let file {
        state.pieces[index] = .ready(file)
        state.held += file.size
      } else {
        state.pieces[index] = .untouched
        state.isStopped = true
      }
    }
  }

  private func decompressed(_ package: NativePackage) throws -> DecompressedFile {
    let source = try Self.decompressor(package)
    let keeper = package.keeper
    let file = try folder.map { folder in try makeTemporaryFile(in: folder) } ?? makeMemoryFile()
    var size: UInt64 = 0
    while case let bytes = try source.next(), !bytes.isEmpty {
      try file.write(bytes)
      keeper?.write(bytes)
      size += UInt64(bytes.count)
    }
    keeper?.finish()
    return DecompressedFile(file, size: size)
  }

  private static func decompressor(_ package: NativePackage) throws -> Decompressor {
    if case .there(let raw, let size) = package.data {
      return try Decompressor(RangeSource(raw, count: size), as: .zstd, limits: debLimits, threaded: false)
    }
    let data = package.archive.data
    return try Decompressor(
      RangeSource(package.raw, offset: data.offset, count: data.size), limits: debLimits, threaded: false)
  }
}

/// The decompressed files of a package, which vanish with the last who holds this.
final class DecompressedFile: Sendable {
  /// Bytes.
  let size: UInt64
  private let file: Descriptor

  init(_ file: consuming Descriptor, size: UInt64) {
    self.file = file
    self.size = size
  }

  /// The descriptor, to be read by position.
  var raw: Int32 { file.raw }

  /// All of it, from the start.
  func open() -> any ByteSource { RangeSource(raw, count: size, of: self) }
}
