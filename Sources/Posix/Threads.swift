import CLinux
import Glibc
import Synchronization

/// A thread that runs one closure, and whose error is thrown where it is joined.
public final class Worker: Sendable {
  private final class State: Sendable {
    let error = Mutex<(any Error)?>(nil)
    let body: @Sendable () throws -> Void
    init(_ body: @escaping @Sendable () throws -> Void) { self.body = body }
  }

  private let state: State
  private let handle: Mutex<pthread_t?>

  /// Starts the thread. Signals stay with the main thread.
  public init(_ body: @escaping @Sendable () throws -> Void) {
    let state = State(body)
    self.state = state
    var blocked = sigset_t()
    var old = sigset_t()
    sigfillset(&blocked)
    pthread_sigmask(SIG_SETMASK, &blocked, &old)
    var thread = pthread_t()
    let result = pthread_create(
      &thread, nil,
      { argument in
        let state = Unmanaged<State>.fromOpaque(argument!).takeRetainedValue()
        do { try state.body() } catch { state.error.withLock { $0 = error } }
        return nil
      }, Unmanaged.passRetained(state).toOpaque())
    pthread_sigmask(SIG_SETMASK, &old, nil)
    precondition(result == 0, "pthread_create: \(result)")
    handle = Mutex(thread)
  }

  /// A thread that nobody joined goes on, and gives its resources back when it ends.
  deinit {
    if let thread = handle.withLock({ $0 }) { pthread_detach(thread) }
  }

  /// Waits for the end, and throws what the closure threw.
  public func join() throws {
    let thread = handle.withLock { handle in
      let thread = handle
      handle = nil
      return thread
    }
    if let thread { pthread_join(thread, nil) }
    if let error = state.error.withLock({ $0 }) { throw error }
  }
}

/// A mutex and a condition variable around some state: what bounded queues are made of.
public final class Monitor<State>: @unchecked Sendable {
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let condition: UnsafeMutablePointer<pthread_cond_t>
  private var state: State

  /// A monitor of `state`.
  public init(_ state: State) {
    self.state = state
    mutex = .allocate(capacity: 1)
    condition = .allocate(capacity: 1)
    pthread_mutex_init(mutex, nil)
    var attributes = pthread_condattr_t()
    pthread_condattr_init(&attributes)
    // Limits of time don't move when somebody sets the clock.
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    pthread_cond_init(condition, &attributes)
    pthread_condattr_destroy(&attributes)
  }

  deinit {
    pthread_cond_destroy(condition)
    pthread_mutex_destroy(mutex)
    condition.deallocate()
    mutex.deallocate()
  }

  /// Changes the state alone, and wakes all who wait.
  public func change<Result>(_ body: (inout State) throws -> Result) rethrows -> Result {
    pthread_mutex_lock(mutex)
    defer {
      pthread_cond_broadcast(condition)
      pthread_mutex_unlock(mutex)
    }
    return try body(&state)
  }

  /// Changes the state alone, and wakes those who wait only when `body` says that it may matter to them:
  /// waking a thread costs more than most changes do.
  public func changeQuietly(_ body: (inout State) -> Bool) {
    pthread_mutex_lock(mutex)
    if body(&state) { pthread_cond_broadcast(condition) }
    pthread_mutex_unlock(mutex)
  }

  /// Waits until `body` gives a value; it is asked again after each change.
  ///
  /// - Parameter isQuiet: whether nobody else waits for what `body` changes.
  public func wait<Result>(
    isQuiet: Bool = false, _ body: (inout State) throws -> Result?
  ) rethrows -> Result {
    pthread_mutex_lock(mutex)
    defer {
      if !isQuiet { pthread_cond_broadcast(condition) }
      pthread_mutex_unlock(mutex)
    }
    while true {
      if let result = try body(&state) { return result }
      pthread_cond_wait(condition, mutex)
    }
  }

  /// Waits as `wait` does, but no longer than `limit`: nil when `body` gave no value by then.
  public func wait<Result>(
    atMost limit: Duration, _ body: (inout State) throws -> Result?
  ) rethrows -> Result? {
    var deadline = timespec()
    clock_gettime(CLOCK_MONOTONIC, &deadline)
    let parts = limit.components
    let nanoseconds = Int64(deadline.tv_nsec) + parts.attoseconds / 1_000_000_000
    deadline.tv_sec += Int(parts.seconds + nanoseconds / 1_000_000_000)
    deadline.tv_nsec = Int(nanoseconds % 1_000_000_000)
    pthread_mutex_lock(mutex)
    defer {
      pthread_cond_broadcast(condition)
      pthread_mutex_unlock(mutex)
    }
    while true {
      if let result = try body(&state) { return result }
      if pthread_cond_timedwait(condition, mutex, &deadline) != 0 { return try body(&state) }
    }
  }
}

/// The number of processors that this process may use.
public func processorCount() -> Int { Int(garboard_processors()) }
