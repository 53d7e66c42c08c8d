import Debian

/// What archives have just now, without believing any of it: only to see whether something changed.
public enum ArchiveState {
  /// The folders that hold the `InRelease` of each suite of `sources`, in order, each once.
  public static func folders(of list: MirrorList, architecture: String) -> [String] {
    var folders: [String] = []
    for source in list.sources
    where source.architectures.isEmpty || source.architectures.contains(architecture) {
      for uri in source.uris {
        for suite in source.suites {
          let folder = ArchiveRelease.folder(
            uri: uri.replacing("$(ARCH)", with: architecture),
            suite: suite.replacing("$(ARCH)", with: architecture))
          if !folders.contains(folder) { folders.append(folder) }
        }
      }
    }
    return folders
  }

  /// The bytes of `InRelease` in a folder, or of `Release` and its signature; they change whenever the archive
  /// does.
  ///
  /// - Throws: `BootstrapError` when the folder has neither or can't be reached.
  public static func read(_ folder: String) throws(BootstrapError) -> [UInt8] {
    let files = ArchiveFiles(isOffline: false)
    if let message = try files.readIfThere(folder + "/InRelease") { return message }
    return try files.read(folder + "/Release") + (files.readIfThere(folder + "/Release.gpg") ?? [])
  }

  /// Whether a folder is on this machine, so that reading it asks nobody.
  public static func isLocal(_ folder: String) -> Bool {
    (try? ArchiveFiles.localPath(folder)).flatMap { $0 } != nil
  }

  /// A description of the sources that has all that decides what an image gets from them.
  public static func description(of list: MirrorList) -> String {
    list.sources.map { $0.paragraph() }.joined(separator: "\n")
  }
}
