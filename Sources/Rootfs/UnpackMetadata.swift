import Archive
import Posix
import SystemPackage

/// Owners, modes, attributes and times, in the order that the kernel leaves intact.
extension Unpacker {
  static let accessACL = Array("system.posix_acl_access".utf8)
  static let defaultACL = Array("system.posix_acl_default".utf8)

  /// The metadata of an open file or directory.
  func apply(_ entry: Entry, to file: borrowing Descriptor, existed: Bool) throws {
    if options.keepsOwners {
      try file.setOwner(user: entry.user, group: entry.group, shown: display(entry.path))
    }
    if existed { try removeOthers(than: entry.attributes, of: file, shown: display(entry.path)) }
    // These need write permission, which the mode may take away; the others may depend on the mode.
    for attribute in entry.attributes where attribute.isUsers { try set(attribute, of: file, entry) }
    try file.setMode(entry.mode, shown: display(entry.path))
    for attribute in entry.attributes where !attribute.isUsers { try set(attribute, of: file, entry) }
    try file.setModified(
      seconds: entry.modified.seconds, nanoseconds: entry.modified.nanoseconds, shown: display(entry.path))
  }

  /// The metadata of what can't be opened without doing something: symlinks, fifos, devices.
  func apply(_ entry: Entry, at place: Place) throws {
    let relative = place.relative
    if options.keepsOwners {
      try relative.setOwner(of: place.name, user: entry.user, group: entry.group, shown: display(entry.path))
    }
    if entry.kind != .symlink {
      if place.parent.givesACL {
        try relative.removeAttribute(of: place.name, Self.accessACL, shown: display(entry.path))
      }
      try relative.setMode(of: place.name, entry.mode, shown: display(entry.path))
    }
    for attribute in entry.attributes {
      try allowing(attribute, entry) { () throws(PosixError) in
        try relative.setAttribute(
          of: place.name, attribute.name, to: attribute.value, shown: display(entry.path))
      }
    }
    try relative.setModified(
      of: place.name, seconds: entry.modified.seconds, nanoseconds: entry.modified.nanoseconds,
      shown: display(entry.path))
  }

  private func set(
    _ attribute: ExtendedAttribute, of file: borrowing Descriptor, _ entry: Entry
  ) throws {
    do {
      try file.setAttribute(attribute.name, to: attribute.value, shown: display(entry.path))
    } catch {
      try judge(error, attribute, entry)
    }
  }

  private func allowing(
    _ attribute: ExtendedAttribute, _ entry: Entry, _ body: () throws(PosixError) -> Void
  ) throws {
    do { try body() } catch { try judge(error, attribute, entry) }
  }

  private func judge(_ error: PosixError, _ attribute: ExtendedAttribute, _ entry: Entry) throws {
    switch error.errno {
    case .notPermitted, .permissionDenied, .notSupported:
      if options.skipsForbidden {
        options.notice(UnpackNotice(.attribute(attribute.name), entry.path))
        return
      }
    default: break
    }
    throw UnpackError(.attribute(attribute.name, error), entry.path)
  }

  /// Takes away what a directory had before: an entry says all that there is.
  private func removeOthers(
    than attributes: [ExtendedAttribute], of directory: borrowing Descriptor, shown: @autoclosure () -> String
  ) throws {
    for old in try directory.attributes(shown: shown())
    where !attributes.contains(where: { $0.name == old.name }) && !EntryFilter.isMachines(old.name) {
      do {
        try directory.removeAttribute(old.name, shown: shown())
      } catch {
        guard options.skipsForbidden, error.errno == .notPermitted || error.errno == .permissionDenied
        else { throw error }
      }
    }
  }
}

extension ExtendedAttribute {
  fileprivate var isUsers: Bool { name.starts(with: Array("user.".utf8)) }
}
