import Debian
import Digest
import Fetch
import Glibc
import Posix
import SystemPackage

/// One suite of one archive, verified.
struct ArchiveRelease {
  /// The archive's root, without a slash at its end.
  var uri: String
  /// The suite as the source names it.
  var suite: String
  /// Where its files are.
  var place: String
  var release: ReleaseFile

  /// A URI without slashes at its end.
  static func root(_ uri: String) -> String {
    var root = uri
    while root.hasSuffix("/") { root.removeLast() }
    return root
  }

  /// Where the files of a suite are. One that ends in a slash is a path: sources.list(5).
  static func folder(uri: String, suite: String) -> String {
    var place = root(uri) + (suite.hasSuffix("/") ? "/" + suite : "/dists/" + suite)
    while place.hasSuffix("/") || place.hasSuffix("/.") { place.removeLast() }
    return place
  }
}

/// Fetches and verifies what archives say of their suites.
struct ReleaseReader {
  var files: ArchiveFiles
  var cache: PackageCache?
  var signatures: SignatureCheck
  /// The time, in seconds since 1970.
  var now: Int64
  var onNotice: @Sendable (String) -> Void

  func read(_ source: AptSource, uri: String, suite: String) throws(BootstrapError) -> ArchiveRelease {
    let root = ArchiveRelease.root(uri)
    let place = ArchiveRelease.folder(uri: uri, suite: suite)
    let url = place + "/InRelease"
    let kept = cache?.release(uri: root, suite: suite)
    let isLocal = try ArchiveFiles.localPath(url) != nil
    if files.isOffline, !isLocal {
      guard let kept, fileExists(kept) else { throw .offline(url) }
      let message = try readHostFile(kept, limit: 32 << 20)
      return try judge(message, source, url: url, uri: root, suite: suite, place: place).release
    }
    if let message = try files.readIfThere(url) {
      let found = try judge(message, source, url: url, uri: root, suite: suite, place: place)
      if let kept, !isLocal { try remember(message, found, source, at: kept, url: url) }
      return found.release
    }
    return try readDetached(source, uri: root, suite: suite, place: place)
  }

  private func judge(
    _ message: [UInt8], _ source: AptSource, url: String, uri: String, suite: String, place: String
  ) throws(BootstrapError) -> (release: ArchiveRelease, isSigned: Bool) {
    // `[trusted=yes]` believes all, signed or not.
    let isTrusted = source.trusted == true
    let text =
      isTrusted ? message : try signatures.signedText(of: message, signedBy: source.signedBy, url: url)
    let release = try parse(text, url: url)
    try check(release, source, url: url, suite: suite)
    return (ArchiveRelease(uri: uri, suite: suite, place: place, release: release), !isTrusted)
  }

  /// Archives without `InRelease` have `Release` and its signature beside it.
  private func readDetached(
    _ source: AptSource, uri: String, suite: String, place: String
  ) throws(BootstrapError) -> ArchiveRelease {
    let url = place + "/Release"
    guard let text = try files.readIfThere(url) else {
      throw .badRelease(
        place, reason: "there is no InRelease and no Release: the mirror has no suite \(suite)")
    }
    if source.trusted != true {
      guard let signature = try files.readIfThere(url + ".gpg") else {
        throw .untrusted(url, reason: "it is not signed ([trusted=yes] would believe it all the same)")
      }
      try signatures.verify(text, signature: signature, signedBy: source.signedBy, url: url)
    }
    let release = try parse(text, url: url)
    try check(release, source, url: url, suite: suite)
    return ArchiveRelease(uri: uri, suite: suite, place: place, release: release)
  }

  private func parse(_ text: [UInt8], url: String) throws(BootstrapError) -> ReleaseFile {
    do throws(SyntaxError) {
      return try ReleaseFile(text, file: url)
    } catch {
      throw .badRelease(url, reason: error.description)
    }
  }

  private func check(
    _ release: ReleaseFile, _ source: AptSource, url: String, suite: String
  ) throws(BootstrapError) {
    if !suite.hasSuffix("/") {
      let names = [release.suite, release.codename].compactMap { $0 }
      // `buster/updates` calls itself `buster`.
      let isNamed =
        names.isEmpty || names.contains(suite)
        || (suite.hasSuffix("/updates") && names.contains(Suites.base(of: suite)))
      if !isNamed {
        throw .badRelease(
          url, reason: "it is of the suite \(names.joined(separator: ", ")) and not of \(suite)")
      }
    }
    guard let date = release.date else { throw .badRelease(url, reason: "it has no Date") }
    // Clocks differ a little.
    if date > now + 60 {
      throw .badRelease(
        url, reason: "it is dated \(Self.distance(date - now)) in the future: is this machine's clock right?")
    }
    if let end = release.validUntil, end < now, source.checkValidUntil != false {
      throw .badRelease(
        url,
        reason:
          "it expired \(Self.distance(now - end)) ago: the mirror is out of date or somebody plays back an "
          + "old state ([check-valid-until=no] or --no-check-valid-until would take it all the same)")
    }
  }

  private static func distance(_ seconds: Int64) -> String {
    switch seconds {
    case ..<7200: "\(max(1, seconds / 60)) minutes"
    case ..<172_800: "\(seconds / 3600) hours"
    default: "\(seconds / 86_400) days"
    }
  }

  /// Refuses a state older than one that was seen before; keeps the newer one.
  private func remember(
    _ message: [UInt8], _ found: (release: ArchiveRelease, isSigned: Bool), _ source: AptSource,
    at kept: FilePath, url: String
  ) throws(BootstrapError) {
    guard found.isSigned else { return }
    let release = found.release.release
    // Not verified again: somebody who could write a false one there could write anything.
    let old = fileExists(kept) ? try? ReleaseFile(try readHostFile(kept, limit: 32 << 20), file: url) : nil
    if let before = old?.date, let date = release.date, date < before, old?.codename == release.codename {
      throw .badRelease(
        url,
        reason:
          "it is \(Self.distance(before - date)) older than what this archive had before: the mirror is "
          + "out of date or somebody plays back an old state (remove \(kept) to take it all the same)")
    }
    if let old { cache?.forgetIndexes(of: old, besides: release) }
    try message.lendBytes { bytes throws(BootstrapError) in try cache?.store([bytes], as: kept) }
  }
}

extension [UInt8] {
  /// `withUnsafeBytes` with a typed error.
  func lendBytes(
    _ body: (UnsafeRawBufferPointer) throws(BootstrapError) -> Void
  ) throws(BootstrapError) {
    var failure: BootstrapError?
    withUnsafeBytes { bytes in
      do throws(BootstrapError) { try body(bytes) } catch { failure = error }
    }
    if let failure { throw failure }
  }
}
