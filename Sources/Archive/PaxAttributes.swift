/// What extended headers say of an entry, or of all that follow.
struct PaxAttributes {
  var isPax = false
  var path: [UInt8]?
  var linkPath: [UInt8]?
  var size: UInt64?
  var user: UInt64?
  var group: UInt64?
  var userName: [UInt8]?
  var groupName: [UInt8]?
  var modified: Timestamp?
  var deviceMajor: UInt64?
  var deviceMinor: UInt64?
  var extended: [[UInt8]: [UInt8]] = [:]
  var acls: [[UInt8]: [UInt8]] = [:]

  // GNU's sparse forms.
  var sparseMajor: UInt64?
  var sparseName: [UInt8]?
  var sparseSize: UInt64?
  var sparsePairs: [UInt64] = []
  var isSparse = false

  // GNU's headers of type L and K.
  var longName: [UInt8]?
  var longLink: [UInt8]?

  var hasLongNames: Bool { longName != nil || longLink != nil }

  /// Takes one record. Keys that say nothing of a tree (comment, atime, …) are left out.
  mutating func set(_ key: ArraySlice<UInt8>, _ value: ArraySlice<UInt8>) throws {
    isPax = true
    // An empty value takes back what a global header said.
    let given = value.isEmpty ? nil : Array(value)
    let keyText = String(decoding: key, as: UTF8.self)
    switch keyText {
    case "path": path = try name(given, keyText)
    case "linkpath": linkPath = try name(given, keyText)
    case "size": size = try given.map { try PaxRecords.unsigned($0[...], keyText) }
    case "uid": user = try given.map { try PaxRecords.unsigned($0[...], keyText) }
    case "gid": group = try given.map { try PaxRecords.unsigned($0[...], keyText) }
    case "uname": userName = try name(given, keyText)
    case "gname": groupName = try name(given, keyText)
    case "mtime": modified = try given.map { try PaxRecords.time($0[...], keyText) }
    case "SCHILY.devmajor": deviceMajor = try given.map { try PaxRecords.unsigned($0[...], keyText) }
    case "SCHILY.devminor": deviceMinor = try given.map { try PaxRecords.unsigned($0[...], keyText) }
    case "SCHILY.acl.access": acls[Array("system.posix_acl_access".utf8)] = given
    case "SCHILY.acl.default": acls[Array("system.posix_acl_default".utf8)] = given
    case "RHT.security.selinux": extended[Array("security.selinux".utf8)] = given
    default:
      if keyText.hasPrefix("SCHILY.xattr.") {
        extended[try Self.decoded(key.dropFirst("SCHILY.xattr.".utf8.count))] = Array(value)
      } else if keyText.hasPrefix("GNU.sparse.") {
        try setSparse(keyText, value)
      }
    }
    if let size, size > UInt64(Int64.max) { throw PaxRecords.Malformed(what: "the size is out of range") }
  }

  private func name(_ value: [UInt8]?, _ key: String) throws -> [UInt8]? {
    if let value, value.contains(0) { throw PaxRecords.Malformed(what: "\(key) has a NUL byte") }
    return value
  }

  private mutating func setSparse(_ key: String, _ value: ArraySlice<UInt8>) throws {
    isSparse = true
    switch key {
    case "GNU.sparse.major": sparseMajor = try PaxRecords.unsigned(value, key)
    case "GNU.sparse.name": sparseName = try name(Array(value), key)
    case "GNU.sparse.size", "GNU.sparse.realsize": sparseSize = try PaxRecords.unsigned(value, key)
    case "GNU.sparse.offset", "GNU.sparse.numbytes":
      // Format 0.0 repeats the two keys in turn.
      guard (sparsePairs.count % 2 == 0) == (key == "GNU.sparse.offset") else {
        throw PaxRecords.Malformed(what: "sparse offsets and sizes don't alternate")
      }
      sparsePairs.append(try PaxRecords.unsigned(value, key))
    case "GNU.sparse.map":
      sparsePairs =
        value.isEmpty
        ? []
        : try value.split(separator: 0x2c, omittingEmptySubsequences: false)
          .map { try PaxRecords.unsigned($0, key) }
    default: break
    }
  }

  /// GNU tar writes `=` in a key as `%3D` and `%` as `%25`.
  private static func decoded(_ name: ArraySlice<UInt8>) throws -> [UInt8] {
    if name.isEmpty || name.contains(0) {
      throw PaxRecords.Malformed(what: "an extended attribute without a name")
    }
    guard name.contains(0x25) else { return Array(name) }
    var result: [UInt8] = []
    var rest = name
    while let byte = rest.first {
      if rest.starts(with: "%3D".utf8) {
        result.append(0x3d)
        rest = rest.dropFirst(3)
      } else if rest.starts(with: "%25".utf8) {
        result.append(0x25)
        rest = rest.dropFirst(3)
      } else {
        result.append(byte)
        rest = rest.dropFirst()
      }
    }
    return result
  }

  /// These attributes, with those of global headers where an entry's own say nothing.
  func over(_ globals: PaxAttributes) -> PaxAttributes {
    if !globals.isPax { return self }
    var result = self
    result.path = path ?? globals.path
    result.linkPath = linkPath ?? globals.linkPath
    result.size = size ?? globals.size
    result.user = user ?? globals.user
    result.group = group ?? globals.group
    result.userName = userName ?? globals.userName
    result.groupName = groupName ?? globals.groupName
    result.modified = modified ?? globals.modified
    result.extended = globals.extended.merging(extended) { _, own in own }
    result.acls = globals.acls.merging(acls) { _, own in own }
    return result
  }
}
