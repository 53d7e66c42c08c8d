import OCI
import Testing

/// A generator that gives the same numbers each time.
struct FixedGenerator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return state ^ state >> 31
  }
}

/// Nothing that comes from outside may end the process, and what is accepted is written as it was read.
@Suite struct MutationTests {
  static let seeds = [
    #"{"a":[1,-2.5e+10,true,false,null,"x\n\u00e9\ud83d\ude00"],"b":{"c":{}},"d":9223372036854775807}"#,
    #"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:\#(String(repeating: "0", count: 64))","size":1},"layers":[],"annotations":{"a":"b"}}"#,
    #"{"architecture":"amd64","created":"2020-01-02T03:04:05Z","config":{"Env":["A=b"],"Healthcheck":{"Interval":1}},"os":"linux","rootfs":{"diff_ids":[],"type":"layers"},"history":[{"empty_layer":true}]}"#,
  ]

  static func mutate(_ bytes: [UInt8], _ generator: inout FixedGenerator) -> [UInt8] {
    var bytes = bytes
    for _ in 0..<Int.random(in: 1...3, using: &generator) where !bytes.isEmpty {
      let index = Int.random(in: 0..<bytes.count, using: &generator)
      switch Int.random(in: 0..<4, using: &generator) {
      case 0: bytes[index] = UInt8.random(in: 0...255, using: &generator)
      case 1: bytes.remove(at: index)
      case 2: bytes.insert(Array("\"\\{}[]:,0e-.".utf8).randomElement(using: &generator) ?? 0, at: index)
      default: bytes.removeSubrange(index...)
      }
    }
    return bytes
  }

  @Test(arguments: seeds)
  func documents(_ seed: String) throws {
    var generator = FixedGenerator(state: 1)
    var accepted = 0
    for _ in 0..<5000 {
      let bytes = Self.mutate(Array(seed.utf8), &generator)
      guard let value = try? JSONValue(parsing: bytes) else { continue }
      accepted += 1
      #expect(try JSONValue(parsing: JSONWriter.bytes(of: value)) == value)
      if let manifest = try? Manifest(json: value) { #expect(try Manifest(json: manifest.json) == manifest) }
      if let config = try? ImageConfig(json: value) { #expect(try ImageConfig(json: config.json) == config) }
    }
    #expect(accepted > 50)
  }

  @Test(arguments: [
    "docker.io/library/debian:trixie@sha256:" + String(repeating: "a", count: 64), "[::1]:80/a__b/c-d:e",
    "2026-01-02T03:04:05.123+01:00", "linux/arm64/v8",
  ])
  func names(_ seed: String) throws {
    var generator = FixedGenerator(state: 2)
    for _ in 0..<5000 {
      let text = String(decoding: Self.mutate(Array(seed.utf8), &generator), as: UTF8.self)
      if let reference = try? Reference(text) {
        #expect(try Reference(reference.description) == reference)
        #expect(try Reference(reference.familiar) == reference)
      }
      if let time = try? CreationTime(text) {
        let again = CreationTime(seconds: time.seconds, nanoseconds: time.nanoseconds)
        if CreationTime.range.contains(time.seconds) { #expect(again.seconds == time.seconds) }
      }
      if let platform = try? Platform(text) { #expect(platform.normalised == platform) }
    }
  }
}
