import Debian
import Posix
import SystemPackage

/// The configuration that is in an image beside its packages, where mmdebstrap puts it too.
enum RootFiles {
  /// apt's sources, and what the request says of apt's and dpkg's configuration.
  static func files(_ job: BootstrapJob) throws(BootstrapError) -> [RootOrder.File] {
    try sources(job.mirrors) + configuration(job)
  }

  /// What the request says of apt's and dpkg's configuration.
  static func configuration(_ job: BootstrapJob) throws(BootstrapError) -> [RootOrder.File] {
    var files: [RootOrder.File] = []
    let apt = try lines(job.request.aptOptions, end: ";")
    if !apt.isEmpty { files.append(.init(path: "etc/apt/apt.conf.d/99mmdebstrap", bytes: apt)) }
    let dpkg = try lines(job.request.dpkgOptions + job.request.pathRules.rules.map(\.option), end: "")
    if !dpkg.isEmpty { files.append(.init(path: "etc/dpkg/dpkg.cfg.d/99mmdebstrap", bytes: dpkg)) }
    return files
  }

  /// Lines, or whole files where an option is the name of one.
  private static func lines(_ options: [String], end: String) throws(BootstrapError) -> [UInt8] {
    var text: [UInt8] = []
    for option in options {
      if fileExists(FilePath(option)) {
        text += try readHostFile(FilePath(option))
        continue
      }
      text += Array(option.utf8)
      if !end.isEmpty, !option.hasSuffix(end) { text += Array(end.utf8) }
      if !option.hasSuffix("\n") { text.append(0x0a) }
    }
    return text
  }

  /// Mirrors as files below `etc/apt`: lines that follow each other are one file, with a blank line between.
  private static func sources(_ mirrors: MirrorList) throws(BootstrapError) -> [RootOrder.File] {
    var groups: [(name: String?, isOneLine: Bool, text: [UInt8])] = []
    for mirror in mirrors.mirrors {
      let part: (name: String?, isOneLine: Bool, text: [UInt8])
      switch mirror {
      case .line(let line): part = (nil, true, Array((line + "\n").utf8))
      case .uri(let uri):
        let source = mirrors.sources.first { $0.uris == [uri] }
        let words = (source?.suites ?? []) + (source?.components ?? [])
        part = (nil, true, Array((["deb", uri] + words).joined(separator: " ").utf8) + [0x0a])
      case .file(let path):
        let text = try readHostFile(path)
        part = (path.lastComponent?.string, AptSource.format(of: text) == .oneLine, text)
      case .standardInput(let text): part = (nil, AptSource.format(of: text) == .oneLine, text)
      }
      if let last = groups.indices.last, groups[last].name == nil, part.name == nil,
        groups[last].isOneLine == part.isOneLine
      {
        groups[last].text += [0x0a] + part.text
      } else {
        groups.append(part)
      }
    }
    return groups.enumerated().map { index, group in
      if index == 0, group.isOneLine, group.name == nil {
        return .init(path: "etc/apt/sources.list", bytes: group.text)
      }
      let digits = String(index)
      var name = String(repeating: "0", count: max(0, 4 - digits.count)) + digits + (group.name ?? "main")
      if !name.hasSuffix(".list"), !name.hasSuffix(".sources") {
        name += group.isOneLine ? ".list" : ".sources"
      }
      return .init(path: "etc/apt/sources.list.d/" + name, bytes: group.text)
    }
  }
}
