/// Files that go by another name than their package says; see dpkg-divert(1).
struct Diversions: Sendable {
  private var targets: [[UInt8]: (to: [UInt8], package: String)] = [:]

  /// None.
  init() {}

  /// Reads dpkg's `diversions`: three lines each, from, to and the package that keeps the name (`:` for
  /// none).
  init(_ text: [UInt8]) {
    let lines = text.split(separator: 0x0a, omittingEmptySubsequences: false).map(Array.init)
    var index = 0
    while index + 2 < lines.count {
      let package = String(decoding: lines[index + 2], as: UTF8.self)
      targets[Array(lines[index].drop { $0 == 0x2f })] = (
        Array(lines[index + 1].drop { $0 == 0x2f }), package
      )
      index += 3
    }
  }

  /// Where a package's file goes; paths without a leading slash.
  func target(_ path: [UInt8], of package: String) -> [UInt8] {
    if targets.isEmpty { return path }
    guard let found = targets[path], found.package != package else { return path }
    return found.to
  }
}
