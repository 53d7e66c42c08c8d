import Bootstrap
import Cache
import Digest
import Posix

/// What archives are like just now: the digest of each suite's `InRelease`, fetched once in a run.
struct ArchiveStates: Sendable {
  let cache: Cache
  let isOffline: Bool
  private let asked = AskedOnce<String>()

  init(cache: Cache, isOffline: Bool) {
    self.cache = cache
    self.isOffline = isOffline
  }

  /// The digest of what the folder of a suite has; offline what it had the last time.
  func digest(of folder: String) throws -> String { try asked.answer(folder) { try look(folder) } }

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
