import Glibc
import Posix
import SystemPackage

/// What may run at once: so many programs, and no more than memory allows.
final class BuildSlots: Sendable {
  private struct State {
    var running = 0
    var memory: UInt64 = 0
  }

  private let count: Int
  private let memory: UInt64
  private let state = Monitor(State())

  /// - Parameters:
  ///   - count: how many programs run at once.
  ///   - memory: how many bytes they may need together.
  init(count: Int, memory: UInt64 = BuildSlots.availableMemory()) {
    self.count = max(1, count)
    self.memory = memory
  }

  /// Waits for a place, and does the work. One that needs more memory than there is runs alone.
  func run<Result>(memory need: UInt64, _ body: () throws -> Result) throws -> Result {
    state.wait { state -> Void? in
      guard state.running == 0 || (state.running < count && state.memory + need <= memory) else { return nil }
      state.running += 1
      state.memory += need
      return ()
    }
    defer {
      state.change { state in
        state.running -= 1
        state.memory -= need
      }
    }
    return try body()
  }

  /// What the kernel says is available, or what the control group has left where that is less.
  static func availableMemory() -> UInt64 {
    var available = UInt64.max
    for line in text("/proc/meminfo").split(separator: "\n") where line.hasPrefix("MemAvailable:") {
      if let number = line.split(separator: " ").dropFirst().first.flatMap({ UInt64($0) }) {
        available = number << 10
      }
    }
    func number(_ path: String) -> UInt64? { UInt64(text(path).split(separator: "\n").first ?? "") }
    if let limit = number("/sys/fs/cgroup/memory.max"), let used = number("/sys/fs/cgroup/memory.current") {
      available = min(available, limit > used ? limit - used : 0)
    }
    return available
  }

  private static func text(_ path: String) -> String {
    var bytes = [UInt8](repeating: 0, count: 8192)
    guard let file = try? openFile(.init(path), .read) else { return "" }
    let count = (try? bytes.withUnsafeMutableBytes { try file.read(into: $0) }) ?? 0
    return String(decoding: bytes[..<count], as: UTF8.self)
  }
}
