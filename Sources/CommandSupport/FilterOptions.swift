public import ArgumentParser
import Archive
public import OCI
public import Rootfs

/// Which files go into a layer, and how their metadata is changed.
public struct FilterOptions: ParsableArguments {
  /// What is left out.
  @Option(
    help: ArgumentHelp(
      "Leave out what matches, a directory with all below it; may be repeated.",
      discussion: """
        A pattern that starts with / is matched from the root on, any other at any depth. * and ? don't match \
        /, ** matches any number of directories.
        """,
      valueName: "glob"),
    transform: { try Glob($0) })
  public var exclude: [Glob] = []

  /// What is kept of it.
  @Option(
    help: ArgumentHelp("Keep what matches, though it is excluded; may be repeated.", valueName: "glob"),
    transform: { try Glob($0) })
  public var include: [Glob] = []

  @Option(
    help: ArgumentHelp(
      "Give all files to this user and group, by number (the group is the user's number unless given).",
      valueName: "uid[:gid]"),
    transform: Self.owner)
  var owner: OwnerMap?

  @Flag(
    exclusivity: .exclusive,
    help: "Keep only the numbers of users and groups (the default), or their names in the archive too.")
  var ownerNames = OwnerNames.numericIds

  @Flag(help: "Set times that are later than --created (or $SOURCE_DATE_EPOCH) to it.")
  var clampMtime = false

  /// Nothing given.
  public init() {}

  /// The filter; excluded comes first, then what is included after all.
  ///
  /// - Parameter time: The time to clamp to.
  /// - Throws: `ValidationError` when times shall be clamped and there is none.
  public func filter(time: CreationTime?) throws -> EntryFilter {
    var filter = EntryFilter()
    filter.rules = exclude.map { .init(.exclude, $0) } + include.map { .init(.include, $0) }
    filter.owners = owner ?? OwnerMap()
    filter.dropsNames = ownerNames == .numericIds
    if clampMtime {
      guard let time else { throw ValidationError("--clamp-mtime needs --created or SOURCE_DATE_EPOCH.") }
      filter.latest = Timestamp(seconds: time.seconds, nanoseconds: time.nanoseconds)
    }
    return filter
  }

  private static func owner(_ text: String) throws -> OwnerMap {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    // The greatest number means "none" to the kernel.
    let numbers = parts.compactMap { part in
      part.utf8.allSatisfy { (0x30...0x39).contains($0) } ? UInt32(part) : nil
    }.filter { $0 != .max }
    guard numbers.count == parts.count, let user = numbers.first, let group = numbers.last, parts.count <= 2
    else { throw ValidationError("it must be UID or UID:GID, as numbers up to \(UInt32.max - 1)") }
    return OwnerMap(users: .all(user), groups: .all(group))
  }
}

/// Whether a layer holds names of users and groups.
enum OwnerNames: String, EnumerableFlag {
  /// Numbers alone: the same layer from a directory and from an archive of it, on any machine.
  case numericIds
  /// The names that an archive has, too.
  case names
}
