import Codec
import Debian
import Posix

/// Decompresses the files of packages before it is their turn, on processors that scripts of other packages
/// leave free.
///
/// Scripts run one after the other; what waits for them to be unpacked is decompressed meanwhile, into files
/// in memory. `stop` ends that when the processors are needed: a package that was begun is finished, and one
/// that was not is decompressed by who unpacks it.
final class DataAhead: Sendable {
  /// The most bytes that wait, decompressed, to be unpacked.
  private static let limit: UInt64 = 1 << 30

  private enum Piece {
    case untouched
    case begun
    case ready(MemoryFile)
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
  private let state: Monitor<State>

  /// Packages in the order in which they are wanted, and how many threads may work on them at a time.
  init(_ packages: [NativePackage], jobs: Int) {
    self.packages = packages
    self.jobs = jobs
    var places: [ObjectIdentifier: Int] = [:]
    for (index, package) in packages.enumerated() { places[ObjectIdentifier(package)] = index }
    self.places = places
    state = Monitor(State(pieces: Array(repeating: .untouched, count: packages.count)))
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

  /// The decompressed files of a package.
  func source(of package: NativePackage) throws -> any ByteSource {
    if let index = places[ObjectIdentifier(package)] {
      let file = state.wait { state -> MemoryFile?? in
        switch state.pieces[index] {
        case .begun: return nil
        case .ready(let file):
          state.pieces[index] = .taken
          state.held -= file.size
          return file
        case .untouched, .taken:
          state.pieces[index] = .taken
          return .some(nil)
        }
      }
      if let file { return file.open() }
    }
    let data = package.archive.data
    return try Decompressor(
      RangeSource(package.raw, offset: data.offset, count: data.size), limits: debLimits, threaded: false)
  }

  private func next() -> Int? {
    state.change { state in
      guard !state.isStopped, state.held < Self.limit,
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
    // What is wrong with a package is said by who unpacks it.
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

  private func decompressed(_ package: NativePackage) throws -> MemoryFile {
    let data = package.archive.data
    let source = try Decompressor(
      RangeSource(package.raw, offset: data.offset, count: data.size), limits: debLimits, threaded: false)
    let file = try makeMemoryFile()
    var size: UInt64 = 0
    try withUnsafeTemporaryAllocation(byteCount: 256 << 10, alignment: 4096) { buffer in
      while case let count = try source.read(into: buffer), count > 0 {
        try file.write(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        size += UInt64(count)
      }
    }
    return MemoryFile(file, size: size)
  }
}

/// The decompressed files of a package, in memory until the last reader goes.
private final class MemoryFile: Sendable {
  let size: UInt64
  private let file: Descriptor

  init(_ file: consuming Descriptor, size: UInt64) {
    self.file = file
    self.size = size
  }

  func open() -> any ByteSource { Reader(self) }

  private final class Reader: ByteSource {
    private let file: MemoryFile
    private let range: RangeSource

    init(_ file: MemoryFile) {
      self.file = file
      range = RangeSource(file.file.raw, offset: 0, count: file.size)
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int { try range.read(into: buffer) }
  }
}
