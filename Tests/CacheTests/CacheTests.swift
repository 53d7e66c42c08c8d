import Cache
import Digest
import Posix
import SystemPackage
import TestSupport
import Testing

@Suite struct CacheTests {
  private func put(_ cache: Cache, _ bytes: [UInt8]) throws -> CachedBlob {
    let blob = try cache.beginBlob()
    try bytes.withUnsafeBytes { try blob.write($0) }
    return try blob.finish(SHA256.digest(bytes))
  }

  private func bytes(_ blob: CachedBlob) throws -> [UInt8] {
    var result = [UInt8](repeating: 0, count: Int(blob.size) + 1)
    let source = blob.open()
    var count = 0
    while case let got = try result.withUnsafeMutableBytes({ buffer in
      try source.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[count...]))
    }), got > 0 { count += got }
    return Array(result[..<count])
  }

  private func key(_ text: String) -> CacheKey {
    var key = CacheKeyBuilder(kind: "test", version: 1)
    key.add("text", text)
    return key.finish()
  }

  @Test func keeps() throws {
    let folder = try TemporaryDirectory()
    let cache = try Cache(folder.appending("c"))
    let content = Array("hello".utf8)
    _ = try put(cache, content)
    try cache.setRecord([1, 2, 3], for: key("a"))
    // Another process sees the same.
    let other = try Cache(folder.appending("c"))
    #expect(try bytes(try #require(try other.blob(SHA256.digest(content)))) == content)
    #expect(try other.record(key("a")) == [1, 2, 3])
    #expect(try other.record(key("b")) == nil)
    #expect(try other.blob(SHA256.digest([9])) == nil)
  }

  @Test("Pieces of keys don't run together")
  func keys() {
    var one = CacheKeyBuilder(kind: "k", version: 1)
    one.add("a", "bc")
    one.add("d", "")
    var other = CacheKeyBuilder(kind: "k", version: 1)
    other.add("a", "b")
    other.add("cd", "")
    let (first, second) = (one.finish(), other.finish())
    #expect(first != second)
  }

  @Test("One flipped bit is noticed, wherever it is")
  func damage() throws {
    let folder = try TemporaryDirectory()
    let cache = try Cache(folder.appending("c"))
    let content = [UInt8](repeating: 7, count: 1000)
    for position in [0, 500, 999] {
      _ = try put(cache, content)
      let digest = SHA256.digest(content)
      try flip(folder.appending("c/blobs").appending(digest.hex), position)
      #expect(try cache.blob(digest) == nil)
      // It is gone, and can be made again.
      _ = try put(cache, content)
      #expect(try cache.blob(digest) != nil)
    }
    for position in [0, 31, 32, 40] {
      try cache.setRecord([UInt8](repeating: 3, count: 9), for: key("r"))
      try flip(folder.appending("c/records/test-\(key("r").digest.hex)"), position)
      #expect(try cache.record(key("r")) == nil)
    }
    try cache.setRecord([5], for: key("r"))
    // A record under the name of another is none.
    try Tool.check(
      "mv",
      [
        folder.appending("c/records/test-\(key("r").digest.hex)").string,
        folder.appending("c/records/test-\(key("s").digest.hex)").string,
      ])
    #expect(try cache.record(key("s")) == nil)
  }

  private func flip(_ path: FilePath, _ position: Int) throws {
    var bytes = try readBytes(path)
    bytes[position] ^= 0x10
    let file = try openFile(path, .update)
    try bytes.withUnsafeBytes { try file.write($0) }
  }

  @Test("What was not used for longest goes first, and the limit holds")
  func limit() throws {
    let folder = try TemporaryDirectory()
    let path = folder.appending("c")
    let cache = try Cache(path, limit: 3500)
    func content(_ number: UInt8) -> [UInt8] { [UInt8](repeating: number, count: 1000) }
    for number in UInt8(1)...3 {
      _ = try put(cache, content(number))
      // The order of use, without waiting for the clock of the file system.
      try Tool.check(
        "touch",
        [
          "-d", "@\(1000 + Int(number))",
          path.appending("blobs").appending(SHA256.digest(content(number)).hex).string,
        ])
    }
    let held = try #require(try cache.blob(SHA256.digest(content(1))))
    _ = try put(cache, content(4))
    #expect(try cache.blob(SHA256.digest(content(2))) == nil)
    for number in [1, 3, 4] as [UInt8] { #expect(try cache.blob(SHA256.digest(content(number))) != nil) }
    // Larger than all of it: usable, and not kept.
    let large = [UInt8](repeating: 5, count: 4000)
    #expect(try bytes(try put(cache, large)) == large)
    #expect(try cache.blob(SHA256.digest(large)) == nil)
    let size = try Tool.check(
      "sh", ["-c", "cat \"$0\"/blobs/* \"$0\"/records/* 2>/dev/null | wc -c", path.string])
    #expect(try #require(Int(size.text.split(separator: "\n")[0])) <= 3500)
    // What is in use stays readable when it goes.
    try Cache(path, limit: 0).trim()
    #expect(try bytes(held) == content(1))
  }

  @Test("Many at once")
  func threads() throws {
    let folder = try TemporaryDirectory()
    let path = folder.appending("c")
    let workers = (0..<4).map { number in
      Worker {
        let cache = try Cache(path, limit: 40_000)
        for round in 0..<60 {
          let content = [UInt8](repeating: UInt8((round + number) % 20), count: 3000)
          let blob = try cache.beginBlob()
          try content.withUnsafeBytes { try blob.write($0) }
          _ = try blob.finish(SHA256.digest(content))
          if let found = try cache.blob(SHA256.digest(content)), found.size != 3000 {
            throw PosixError("find", "a whole blob", .ioError)
          }
        }
      }
    }
    for worker in workers { try worker.join() }
  }
}
