import Posix
import Synchronization

/// How far some work is, shown on standard error while it lasts.
///
/// The work only adds to a counter; a thread of its own draws, at most ten times a second, and there is
/// none where nothing is shown.
public final class Progress: Sendable {
  private struct State {
    var title: String
    var total: UInt64?
    /// How often something new was begun.
    var part = 0
    /// When that was.
    var start = ContinuousClock.now
    var drawer: Worker?
  }

  private let bytes = Atomic<UInt64>(0)
  private let state: Mutex<State>
  private let style: ProgressStyle
  private let console: Console
  /// Whether the work is done.
  private let isDone = Monitor(false)

  /// Starts to show some work, when the user wants to see progress.
  ///
  /// - Parameters:
  ///   - title: What is done, as "Importing rootfs.tar".
  ///   - total: How many bytes there are in all, where it is known.
  public convenience init(_ title: String, total: UInt64? = nil) {
    self.init(title, total: total, console: .shared)
  }

  init(_ title: String, total: UInt64?, console: Console) {
    self.console = console
    state = Mutex(State(title: title, total: total))
    style = console.progressStyle
    if style == .none { return }
    state.withLock { $0.drawer = Worker { [self] in draw() } }
  }

  /// Notes that so many bytes more are done. Cheap enough for the innermost loop.
  public func add(_ count: Int) {
    bytes.wrappingAdd(UInt64(truncatingIfNeeded: count), ordering: .relaxed)
  }

  /// Changes what is said to be done.
  public func setTitle(_ title: String) { state.withLock { $0.title = title } }

  /// Sets how many bytes there are in all, once it is known.
  public func setTotal(_ total: UInt64?) { state.withLock { $0.total = total } }

  /// Begins another piece of the work, with bytes and a time of its own.
  public func begin(_ title: String, total: UInt64? = nil) {
    state.withLock { state in
      state.title = title
      state.total = total
      state.part += 1
      state.start = .now
      bytes.store(0, ordering: .relaxed)
    }
  }

  /// Takes the line away. Call it when the work is done, and when it failed.
  public func finish() {
    let drawer = state.withLock { state in
      let drawer = state.drawer
      state.drawer = nil
      return drawer
    }
    guard let drawer else { return }
    isDone.change { $0 = true }
    try? drawer.join()
  }

  private func draw() {
    var meter = RateMeter()
    var part = 0
    let interval = style == .plain ? Duration.seconds(5) : .milliseconds(100)
    while isDone.wait(atMost: interval, { $0 ? true : nil }) == nil {
      let (title, total, done, now, start) = state.withLock {
        ($0.title, $0.total, bytes.load(ordering: .relaxed), $0.part, $0.start)
      }
      if now != part {
        part = now
        meter = RateMeter()
      }
      let elapsed = ContinuousClock.now - start
      let line = ProgressLine(
        title: title, done: done, total: total, rate: meter.rate(done, at: elapsed), elapsed: elapsed)
      if style == .plain {
        console.printProgress(line.text(limit: nil))
      } else {
        console.showProgress(line.text(limit: (console.width ?? 80) - 1))
      }
    }
    console.showProgress("")
  }
}

/// Bytes a second, smoothed over the last seconds.
struct RateMeter {
  private var lastBytes: UInt64 = 0
  private var lastTime = 0.0
  private var smoothed: Double?

  /// The rate, after `bytes` in all at `elapsed` since the start.
  mutating func rate(_ bytes: UInt64, at elapsed: Duration) -> UInt64 {
    let time = elapsed / .seconds(1)
    let span = time - lastTime
    guard span > 0, bytes >= lastBytes else { return UInt64((smoothed ?? 0).rounded()) }
    let now = Double(bytes - lastBytes) / span
    // What is older than some two seconds hardly counts, however often this is asked.
    let weight = min(1, span / 2)
    smoothed = smoothed.map { $0 + (now - $0) * weight } ?? now
    lastBytes = bytes
    lastTime = time
    return UInt64((smoothed ?? 0).rounded())
  }
}

/// What the progress line says.
struct ProgressLine {
  var title: String
  var done: UInt64
  var total: UInt64?
  var rate: UInt64
  var elapsed: Duration

  /// "Importing base.tar  123.4 MB of 1.2 GB  10%  45.6 MB/s  0:03, 0:25 left", cut to `limit` cells at
  /// the title's end.
  func text(limit: Int?) -> String {
    var parts: [String] = []
    if done > 0 {
      // A total that was wrong is not shown: 105% tells nobody anything.
      if let total, total > 0, done <= total {
        parts.append("\(formatSize(done)) of \(formatSize(total))")
        parts.append("\(Int(Double(done) / Double(total) * 100))%")
      } else {
        parts.append(formatSize(done))
      }
      parts.append("\(formatSize(rate))/s")
    }
    var time = formatDuration(elapsed)
    if let total, done > 0, rate > 0, done < total, elapsed >= .seconds(2) {
      time += ", \(formatDuration(.seconds(Int64(clamping: (total - done) / rate)))) left"
    }
    parts.append(time)
    let rest = "  " + parts.joined(separator: "  ")
    guard let limit else { return title + rest }
    return truncated(truncated(title, to: max(8, limit - cellWidth(rest))) + rest, to: max(1, limit))
  }
}
