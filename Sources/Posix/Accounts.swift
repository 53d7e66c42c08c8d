import Glibc

/// The number that this machine gives to a user's name; nil when it knows none. As tar does on extraction.
public func userNumber(named name: String) -> UInt32? {
  var record = passwd()
  var found: UnsafeMutablePointer<passwd>?
  return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 65_536) { buffer in
    guard let start = buffer.baseAddress, getpwnam_r(name, &record, start, buffer.count, &found) == 0 else {
      return nil
    }
    return found == nil ? nil : record.pw_uid
  }
}

/// The name that this machine gives to a user; nil when it knows none.
public func userName(_ number: UInt32) -> String? {
  var record = passwd()
  var found: UnsafeMutablePointer<passwd>?
  return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 65_536) { buffer in
    guard let start = buffer.baseAddress, getpwuid_r(number, &record, start, buffer.count, &found) == 0,
      found != nil, let name = record.pw_name
    else { return nil }
    return String(cString: name)
  }
}

/// The number that this machine gives to a group's name; nil when it knows none.
public func groupNumber(named name: String) -> UInt32? {
  var record = group()
  var found: UnsafeMutablePointer<group>?
  return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 65_536) { buffer in
    guard let start = buffer.baseAddress, getgrnam_r(name, &record, start, buffer.count, &found) == 0 else {
      return nil
    }
    return found == nil ? nil : record.gr_gid
  }
}
