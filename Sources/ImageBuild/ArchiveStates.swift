import Bootstrap
import Cache
import Digest
import Posix

/// What archives are like just now: the digest of each suite's `InRelease`, fetched once in a run.
final class ArchiveStates: Sendable {
  private enum State {
    case fetching
    case known(String)
    case failed(any Error)
  }

  private let cache: Cache
  private let isOffline: Bool
  private let states = Monitor<[String: State]>([:])

  init(cache: Cache, isOffline: Bool) {
    self.cache = cache
    self.isOffline = isOffline
  }

  /// The digest of what the folder of a suite has; offline what it had the last time.
  func digest(of folder: String) throws -> String {
    let isMine = states.change { states in
      if states[folder] != nil { return false }
      states[folder] = .fetching
      return true
    }
    if isMine {
      let state: State
      do { state = .known(try look(folder)) } catch { state = .failed(error) }
      states.change { $0[folder] = state }
    }
    return try states.wait { states in
      switch states[folder] {
      case .known(let digest): digest
      case .failed(let error): throw error
      case .fetching, nil: nil
      }
    }
  }

  private func look(_ folder: String) throws -> String {
    let key = seen(folder)
    if isOffline, !ArchiveState.isLocal(folder) {
      guard let record = try cache.record(key) else { return "never asked" }
      return String(decoding: record, as: UTF8.self)
    }
    let digest = "\(SHA256.digest(try ArchiveState.read(folder)))"
    if try cache.record(key) != Array(digest.utf8) { try cache.setRecord(Array(digest.utf8), for: key) }
    return digest
  }

  private func seen(_ folder: String) -> CacheKey {
    var builder = CacheKeyBuilder(kind: "archive", version: 1)
    builder.add("folder", folder)
    return builder.finish()
  }
}
