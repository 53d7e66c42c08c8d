import Debian
import Posix

/// A package of a plan, opened: where its parts are and what it says about itself.
final class NativePackage: Sendable {
  /// Its place in the plan, which decides where packages disagree.
  let order: Int
  /// The file, for messages.
  let file: String
  /// The open file, which the process owns until its end.
  let raw: Int32
  let archive: DebArchive
  let control: PackageControl
  /// Whether it was not asked for, but is needed by another.
  let isAutomatic: Bool

  init(order: Int, raw: Int32, file: String, isAutomatic: Bool) throws {
    self.order = order
    self.file = file
    self.raw = raw
    self.isAutomatic = isAutomatic
    archive = try DebArchive(raw, name: file)
    control = try PackageControl(raw, archive, file: file)
  }
}
