/// What is known of Debian's releases: `debian.csv` of the package distro-info-data, or a table of
/// the same facts for machines without it.
public struct Suites: Sendable {
  /// One release.
  public struct Release: Sendable, Equatable {
    /// The version, as 13; nil for sid and experimental.
    public var version: Double?
    /// The code name as archives write it: `trixie`.
    public var codename: String
    /// The day of its release as `YYYY-MM-DD`; nil while it is in the making.
    public var released: String?
  }

  /// The releases, oldest first.
  public let releases: [Release]

  /// The table of `debian.csv`.
  ///
  /// - Throws: `SyntaxError` when a column that is needed is missing.
  public init(csv: [UInt8], file: String) throws(SyntaxError) {
    let lines = String(decoding: csv, as: UTF8.self).split(separator: "\n")
    let header = (lines.first ?? "").split(separator: ",", omittingEmptySubsequences: false)
    func column(_ name: String) throws(SyntaxError) -> Int {
      guard let index = header.firstIndex(where: { $0 == name }) else {
        throw SyntaxError(file: file, line: 1, .missingField(name))
      }
      return index
    }
    let version = try column("version")
    let series = try column("series")
    let release = try column("release")
    releases = lines.dropFirst().compactMap { line in
      let cells = line.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
      guard cells.count > series, !cells[series].isEmpty else { return nil }
      let day = cells.count > release && !cells[release].isEmpty ? cells[release] : nil
      return Release(version: Double(cells[version]), codename: cells[series], released: day)
    }
  }

  /// The releases as they were known when this was written.
  public static let known = Suites([
    Release(version: 8, codename: "jessie", released: "2015-04-26"),
    Release(version: 9, codename: "stretch", released: "2017-06-17"),
    Release(version: 10, codename: "buster", released: "2019-07-06"),
    Release(version: 11, codename: "bullseye", released: "2021-08-14"),
    Release(version: 12, codename: "bookworm", released: "2023-06-10"),
    Release(version: 13, codename: "trixie", released: "2025-08-09"),
    Release(version: 14, codename: "forky", released: nil),
    Release(version: 15, codename: "duke", released: nil),
    Release(version: nil, codename: "sid", released: nil),
    Release(version: nil, codename: "experimental", released: nil),
  ])

  private init(_ releases: [Release]) { self.releases = releases }

  /// Names that move from release to release; none of them but the first three has updates.
  private static let stableAliases = ["stable", "oldstable", "oldoldstable"]
  private static let movingAliases = ["testing", "unstable", "rc-buggy"]

  /// Whether `suite`, without a suffix, is Debian's: a code name or one of the moving names.
  public func isDebian(_ suite: String) -> Bool {
    Self.stableAliases.contains(suite) || Self.movingAliases.contains(suite)
      || releases.contains { $0.codename == suite }
  }

  /// A suite's name without what follows it: `trixie` for `trixie-updates`, `trixie-security`,
  /// `trixie-backports`, `trixie-proposed-updates`; `buster` for `buster/updates`.
  public static func base(of suite: String) -> String {
    for suffix in [
      "-proposed-updates", "-backports-sloppy", "-backports", "-updates", "-security", "/updates",
    ] where suite.hasSuffix(suffix) && suite.count > suffix.count {
      return String(suite.dropLast(suffix.count))
    }
    return suite
  }

  /// Whether a suite's name says that it holds security updates.
  public static func isSecurity(_ suite: String) -> Bool {
    suite.hasSuffix("-security") || suite.hasSuffix("/updates")
  }

  /// The suites that belong beside a release: `-updates` in the same archive, and the one of the
  /// security archive. Nil when `suite` is no release, so has neither.
  ///
  /// The rule: a code name is a release when the table gives the day of its release; `stable`,
  /// `oldstable` and `oldoldstable` are releases; `testing`, `unstable`, `sid`, `experimental` and
  /// code names without a day are not. The security suite is called `X/updates` before Debian 11,
  /// `X-security` since.
  public func companions(of suite: String) -> (updates: String, security: String)? {
    if Self.stableAliases.contains(suite) { return (suite + "-updates", suite + "-security") }
    guard let release = releases.first(where: { $0.codename == suite }), release.released != nil,
      let version = release.version
    else { return nil }
    return (suite + "-updates", version >= 11 ? suite + "-security" : suite + "/updates")
  }
}
