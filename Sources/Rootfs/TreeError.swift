public import Archive

/// Entries that together are no tree.
public enum TreeError: Error, Sendable, Equatable {
  /// The first is below the second, which is no directory.
  case belowNonDirectory(EntryPath, EntryPath)
  /// The first is a hardlink to the second, which is nowhere.
  case hardlinkWithoutTarget(EntryPath, EntryPath)
  /// The first is a hardlink to the second, which is a directory.
  case hardlinkToDirectory(EntryPath, EntryPath)
  /// What was written before could not be read back.
  case lostData
}

extension TreeError: CustomStringConvertible {
  /// What was wrong, in a person's words.
  public var description: String {
    switch self {
    case .belowNonDirectory(let path, let parent):
      "entry \"\(path)\" is below \"\(parent)\", which is not a directory"
    case .hardlinkWithoutTarget(let path, let target):
      "\"\(path)\" is a hardlink to \"\(target)\", which is not in the archive"
    case .hardlinkToDirectory(let path, let target):
      "\"\(path)\" is a hardlink to the directory \"\(target)\""
    case .lostData: "the data that was written could not be read back"
    }
  }
}
