public import SystemPackage

/// The folders of a cache's directory, which modules share: what lies where.
public enum CacheFolder: String, Sendable, CaseIterable {
  /// Bytes under their SHA-256.
  case blobs
  /// Small records, `KIND-HEX`.
  case records
  /// Packages under their SHA-256, and what is being downloaded.
  case packages = "debs"
  /// The files of packages, decompressed, under the packages' SHA-256.
  case data
  /// Parsed indexes of archives, and the last state of each.
  case indexes

  /// Where it is in a cache's directory.
  public func path(in directory: FilePath) -> FilePath { directory.appending(rawValue) }
}
