import Digest
import Glibc
import Image
import OCI
import Posix
import Registry
import SystemPackage
import TestSupport
import Testing

/// What goes over the wire, by the servers' logs and by what they have on the disk.
@Suite("Registries: what moves")
struct TrafficTests {
  @Test("A copy of what is there already asks, and moves no byte of a blob, either way")
  func nothingMoves() throws {
    let registry = try ScriptedRegistry()
    let place = "docker://\(registry.host)/open/app:1"
    // This registry has all of the image.
    #expect(try copy("oci:\(registry.image.layout):app", place).status.isSuccess)
    let pushed = try registry.seen("registry")
    #expect(pushed.count { $0.method == "HEAD" && $0.path.contains("/blobs/") } == 3)
    #expect(pushed.allSatisfy { ["GET", "HEAD"].contains($0.method) && $0.length == 0 }, "\(pushed)")
    // The layout has it too: only documents are read.
    #expect(try copy(place, "oci:\(registry.image.layout):app").status.isSuccess)
    let index = try readBytes(registry.image.layout.appending("index.json"))
    let layers = try ImageSource(.layout(registry.image.layout, name: "app")).select().layers
    #expect(layers.count == 2 && !index.isEmpty)
    let pulled = try registry.seen("registry").dropFirst(pushed.count)
    #expect(pulled.contains { $0.path.contains("/manifests/") })
    for layer in layers {
      #expect(!pulled.contains { $0.path.contains(layer.descriptor.digest.hex) }, "\(pulled)")
    }
  }

  /// A source that ends in an error after some bytes.
  private final class Failing: ByteSource {
    struct Failure: Error {}
    private var left: Int
    init(after count: Int) { left = count }
    func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
      if left == 0 { throw Failure() }
      let count = min(left, buffer.count)
      buffer[..<count].initializeMemory(as: UInt8.self, repeating: 7)
      left -= count
      return count
    }
  }

  @Test("An upload whose source fails is cancelled: the registry keeps nothing of it")
  func cancelled() throws {
    let registry = try DockerRegistry()
    var settings = RegistrySettings()
    settings.configurationFiles = []
    settings.credentialFiles = []
    settings.retries = 0
    settings.chunkSize = 50_000
    let reference = try Reference("\(registry.host)/cancelled/app:1")
    let destination = try Registries(settings).destination(reference)
    let uploads =
      "find '\(registry.directory.appending("data"))' -path '*_uploads/*' -name startedat 2>/dev/null || true"
    // It makes an empty folder of hashes again after it has dropped an upload.
    // Before the first piece, in one request, and after two of four pieces. (Of a piece that breaks in its middle
    // docker-registry knows nothing, and refuses to drop it: it waits until it is purged.)
    for (size, failing) in [(UInt64(40_000), 0), (200_000, 0), (200_000, 100_000)] {
      let descriptor = OCI.Descriptor(.layer, digest: SHA256.digest([UInt8(size / 10_000)]), size: size)
      #expect(throws: (any Error).self) {
        _ = try destination.store(BlobToCopy(descriptor) { Failing(after: failing) })
      }
      #expect(try Tool.check("sh", ["-c", uploads]).text == "")
    }
    // The check looks at the right place: an upload that nobody cancels is there.
    try Tool.check("curl", ["-sf", "-X", "POST", "http://\(registry.host)/v2/cancelled/app/blobs/uploads/"])
    #expect(try Tool.check("sh", ["-c", uploads]).text != "")
  }

  @Test(
    "A signal cancels the uploads that have begun, also where nothing moves, and doesn't wait for the answer",
    arguments: [("stuck", 60_000, SIGINT), ("stuck", 30_000_000, SIGTERM), ("deaf", 30_000_000, SIGINT)])
  func interrupted(_ mode: String, _ size: Int, _ signal: Int32) throws {
    let registry = try ScriptedRegistry(size: size)
    let place = "docker://\(registry.host)/\(mode)/app:1"
    let errors = try openFile(registry.image.directory.appending("errors"), .createNew())
    var command = Command(
      try builtProgram("garboard-copy"), ["-q", "oci:\(registry.image.layout):app", place])
    command.errors = .descriptor(errors.raw)
    let process = try command.start()
    func uploads(_ methods: [String]) throws -> Set<String> {
      Set(
        try registry.seen("registry").filter { methods.contains($0.method) && $0.path.contains("/uploads/u") }
          .compactMap { $0.path.split(separator: "?").first.map(String.init) })
    }
    for _ in 0..<2400 where try uploads(["PATCH", "PUT"]).isEmpty { usleep(25_000) }
    process.signal(signal)
    #expect(try process.wait() == .exited(128 + signal))
    #expect(try errors.size() == 0)
    let begun = try uploads(["PATCH", "PUT"])
    let cancelled = try uploads(["DELETE"])
    #expect(!begun.isEmpty && begun.isSubset(of: cancelled), "\(begun), \(cancelled)")
    #expect(try !registry.seen().contains { $0.method == "PUT" && $0.path.contains("/manifests/") })
  }

  @Test("A blob that isn't what it should be is refused before its end, and the upload cancelled by DELETE")
  func refusedBlob() throws {
    let registry = try ScriptedRegistry()
    let layer = try #require(
      try ImageSource(.layout(registry.image.layout, name: "app")).select().layers.last
    ).descriptor
    var bytes = try readBytes(registry.image.layout.appending("blobs/sha256/\(layer.digest.hex)"))
    bytes[bytes.count - 10] ^= 1
    let bad = try TemporaryDirectory()
    try Tool.check("cp", ["-r", registry.image.layout.string, bad.appending("layout").string])
    try bad.write("layout/blobs/sha256/\(layer.digest.hex)", bytes)
    let result = try copy("oci:\(bad.appending("layout")):app", "docker://\(registry.host)/refs/app:1")
    #expect(result.status == .exited(1))
    #expect(result.errorText.split(separator: "\n").count == 1, "\(result.errorText)")
    let seen = try registry.seen("registry")
    #expect(seen.contains { $0.method == "DELETE" && $0.path.contains("/blobs/uploads/") })
    #expect(!seen.contains { $0.method == "PUT" && $0.path.contains("/manifests/") })
  }
}
