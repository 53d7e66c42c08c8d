import Cache
import ContextBuild

/// What files of servers are like just now, each asked for once in a run.
struct FileStates: Sendable {
  private let files: RemoteFiles
  private let isOffline: Bool
  private let asked = AskedOnce<RemoteFiles.State>()

  init(cache: Cache, isOffline: Bool) {
    files = RemoteFiles(cache)
    self.isOffline = isOffline
  }

  /// What a URL has; offline what it had the last time.
  func state(of url: String) throws -> RemoteFiles.State {
    try asked.answer(url) {
      if !isOffline { return try files.state(of: url) }
      guard let state = try files.lastState(of: url) else { throw ImageBuildError.neverAsked(url) }
      return state
    }
  }
}
