import Archive
import ArgumentParser
import Codec
import Dockerfile
import OCI
import Rootfs
import SystemPackage
import Testing

@testable import CommandSupport

@Suite("Options that tools share")
struct OptionTests {
  private func message<Options: ParsableArguments>(_ type: Options.Type, _ arguments: [String]) -> String? {
    do {
      _ = try type.parse(arguments)
      return nil
    } catch { return type.message(for: error) }
  }

  @Test("An image's options, with their defaults")
  func defaults() throws {
    let options = try ImageOptions.parse([])
    #expect(options.output.isEmpty && options.tag.isEmpty && options.annotation.isEmpty)
    #expect(options.layerCompression == .default)
    #expect(options.platform == nil && options.report == nil)
    #expect(try options.changes().isEmpty)
  }

  @Test("An image's options, all given")
  func image() throws {
    let options = try ImageOptions.parse([
      "-o", "a.oci.tar", "--output", "-", "-t", "debian", "--tag=example.org/x:1", "--compression", "zstd:9",
      "-c", "CMD [\"sh\"]", "--change", "ENV A=b\nUSER me", "--platform", "linux/arm/v7", "--annotation",
      "org.example=a=b", "--report", "x.json", "--created", "2026-01-02T03:04:05Z",
    ])
    #expect(options.output == ["a.oci.tar", "-"])
    #expect(options.tag.map(\.description) == ["docker.io/library/debian:latest", "example.org/x:1"])
    #expect(try options.layerCompression == CompressionSettings(.zstd, level: 9))
    #expect(try options.changes().map { $0.name } == ["CMD", "ENV", "USER"])
    #expect(options.platform.map { "\($0)" } == "linux/arm/v7")
    #expect(options.annotation.map { [$0.key, $0.value] } == [["org.example", "a=b"]])
    #expect(options.report == "x.json")
    #expect(try options.givenTime()?.seconds == 1_767_323_045)
  }

  @Test(
    "Values that can't be meant are refused with the option's name",
    arguments: [
      ["--tag", "UPPER"], ["--tag", ""], ["--compression", "xz"], ["--compression", "gzip:99"],
      ["--compression", "rar"], ["--change", "NONSENSE x"], ["--platform", "linux/"], ["--annotation", "=x"],
      ["--annotation", "x"], ["--created", "yesterday"], ["--created", "9999999999999"],
      ["--report", "x.txt"],
    ])
  func refused(_ arguments: [String]) throws {
    let text = try #require(message(ImageOptions.self, arguments))
    #expect(text.contains(arguments[0]), "\(text)")
  }

  @Test("A time is given as seconds too, before 1970 as well")
  func times() throws {
    #expect(try ImageOptions.parse(["--created", "86400"]).givenTime()?.seconds == 86_400)
    #expect(try ImageOptions.parse(["--created=-1"]).givenTime()?.seconds == -1)
  }

  @Test("What was included after all comes after what was excluded")
  func filter() throws {
    let options = try FilterOptions.parse([
      "--include", "/usr/share/doc/keep", "--exclude", "/usr/share/doc/*", "--owner", "1000:100",
    ])
    let filter = try options.filter(time: nil)
    var kept = Entry(try EntryPath("usr/share/doc/keep"), .file)
    var dropped = Entry(try EntryPath("usr/share/doc/drop"), .file)
    #expect(filter.judge(&kept) == .keep)
    #expect(filter.judge(&dropped) == .drop)
    #expect(kept.user == 1000 && kept.group == 100)
  }

  @Test("Owners", arguments: [("0", 0, 0), ("1000", 1000, 1000), ("4294967294:7", 4_294_967_294, 7)])
  func owner(_ text: String, _ user: UInt32, _ group: UInt32) throws {
    let filter = try FilterOptions.parse(["--owner", text]).filter(time: nil)
    #expect(filter.owners == OwnerMap(users: .all(user), groups: .all(group)))
  }

  @Test("Owners that are none", arguments: ["", ":", "1:", ":1", "root", "1:2:3", "+1", "4294967295", "-1"])
  func noOwner(_ text: String) { #expect(message(FilterOptions.self, ["--owner=\(text)"]) != nil) }

  @Test("Clamping needs a time")
  func clamp() throws {
    let options = try FilterOptions.parse(["--clamp-mtime"])
    #expect(try options.filter(time: CreationTime(seconds: 5)).latest == Timestamp(seconds: 5))
    #expect(throws: ValidationError.self) { try options.filter(time: nil) }
  }

  @Test("Without options the limits are the libraries' own")
  func defaultLimits() throws {
    let options = try LimitOptions.parse([])
    #expect(options.archive == ArchiveLimits())
    #expect(options.expansion == .default)
  }

  @Test("The defaults that --help names are the libraries' own")
  func namedLimits() throws {
    let options = try LimitOptions.parse([
      "--max-entries=20000000", "--max-size=1TiB", "--max-path-length=16KiB", "--max-path-depth=1024",
      "--max-header-size=16MiB", "--max-sparse-runs=1000000", "--max-ratio=2000", "--max-window=128MiB",
    ])
    #expect(options.archive == ArchiveLimits())
    #expect(options.expansion == .default)
  }

  @Test(
    "Numbers of bytes",
    arguments: [
      ("0", 0), ("4096", 4096), ("1B", 1), ("10kB", 10_000), ("10K", 10_000), ("1.5MB", 1_500_000),
      ("1MiB", 1 << 20), ("1.5gib", 3 << 29), ("1TiB", 1 << 40), ("18EB", 18_000_000_000_000_000_000),
    ] as [(String, UInt64)])
  func bytes(_ text: String, _ number: UInt64) { #expect(ByteCount(argument: text)?.bytes == number) }

  @Test(
    "Texts that are no number of bytes",
    arguments: [
      "", "-1", "x", "1.5", "1,5MB", "1.MB", ".5MB", "1 MB", "1Mb2", "20EB", "1..2MB", "1iB", "½MB",
    ])
  func noBytes(_ text: String) { #expect(ByteCount(argument: text) == nil) }

  @Test("How many threads work")
  func jobs() throws {
    #expect(try CommonOptions.parse(["--jobs", "3"]).jobs == 3)
    #expect(try CommonOptions.parse([]).jobs >= 1)
    #expect(message(CommonOptions.self, ["--jobs", "0"]) != nil)
    #expect(message(CommonOptions.self, ["--jobs", "-1"]) != nil)
  }

  @Test("The cache is where the user said")
  func cache() throws {
    #expect(try CacheOptions.parse(["--cache", "/x/y"]).directory == "/x/y")
  }

  @Test("SOURCE_DATE_EPOCH and the cache's variables count where no option was given")
  func environmentVariables() async {
    // In a process of its own: an environment is everybody's.
    await #expect(processExitsWith: .success) {
      setVariable("SOURCE_DATE_EPOCH", "77")
      try #require(try ImageOptions.parse([]).givenTime()?.seconds == 77)
      try #require(try ImageOptions.parse(["--created", "5"]).givenTime()?.seconds == 5)
      setVariable("SOURCE_DATE_EPOCH", "today")
      try #require(throws: ValidationError.self) { try ImageOptions.parse([]).givenTime() }
      setVariable("HOME", "/home/me")
      setVariable("XDG_CACHE_HOME", "")
      setVariable("GARBOARD_CACHE", "")
      try #require(try CacheOptions.parse([]).directory == "/home/me/.cache/garboard")
      setVariable("XDG_CACHE_HOME", "/caches")
      try #require(try CacheOptions.parse([]).directory == "/caches/garboard")
      setVariable("GARBOARD_CACHE", "/mine")
      try #require(try CacheOptions.parse([]).directory == "/mine")
      setVariable("NO_COLOR", "1")
      try #require(!ColorChoice.auto.isOn(2))
    }
  }
}
