import Cache
import Digest
import Image
import OCI
import Posix
import SystemPackage

/// Images from elsewhere: which one a location means just now.
struct ImageSources: Sendable {
  private let cache: Cache
  private let fingerprints: InputFingerprints
  private let isOffline: Bool
  private let remote: (any RemoteStores)?
  private let asked = AskedOnce<String>()

  init(cache: Cache, fingerprints: InputFingerprints, settings: BuildSettings) {
    self.cache = cache
    self.fingerprints = fingerprints
    isOffline = settings.isOffline
    remote = settings.remote
  }

  /// An image, or several, as a stage takes them.
  struct Found {
    /// The location as tools get it: with an absolute path, and with a digest in place of a tag. So what is taken
    /// is what the key says, whatever becomes of the tag meanwhile.
    var location: ImageLocation
    /// What stands for the content: the digest that a reference leads to, or for places of this machine another.
    var digest: String
  }

  /// What a location means.
  ///
  /// - Parameter folder: where relative paths start; the working directory when nil.
  func find(_ text: String, in folder: FilePath? = nil) throws -> Found {
    let location = try ImageLocation(text, for: .input)
    guard case .registry(var reference) = location else {
      let place = absolute(location, in: folder)
      guard let path = place.path else { throw ImageBuildError("\(text) is no image") }
      // The index of a layout names all else by digest.
      let index = path.appending("index.json")
      let digest = try fingerprints.digest(of: exists(index) ? index : path, .content)
      return Found(location: place, digest: "content \(digest)" + (place.imageName.map { " \($0)" } ?? ""))
    }
    let digest = try digest(of: reference)
    reference.digest = digest
    return Found(location: .registry(reference), digest: "\(digest)")
  }

  private func digest(of reference: Reference) throws -> Digest {
    if let digest = reference.digest { return digest }
    let text = try asked.answer("\(reference)") {
      var builder = CacheKeyBuilder(kind: "reference", version: 1)
      builder.add("reference", "\(reference)")
      let key = builder.finish()
      if isOffline {
        guard let record = try cache.record(key) else { throw ImageBuildError.neverAsked("\(reference)") }
        return String(decoding: record, as: UTF8.self)
      }
      guard let remote else { throw ImageBuildError("\(reference): registries can't be reached here") }
      let index = try remote.open(reference).index()
      guard let top = index.manifests.first else { throw ImageBuildError("\(reference) leads to nothing") }
      let digest = "\(top.digest)"
      if try cache.record(key) != Array(digest.utf8) { try cache.setRecord(Array(digest.utf8), for: key) }
      return digest
    }
    return try Digest(text)
  }

  /// The configuration of an image that was found. What a digest means is kept.
  func configuration(of found: Found, platform: Platform?) throws -> ImageConfig {
    var builder = CacheKeyBuilder(kind: "configuration", version: 1)
    builder.add("location", "\(found.location)")
    builder.add("digest", found.digest)
    builder.add("platform", platform.map { "\($0)" } ?? "")
    let key = builder.finish()
    if let record = try cache.record(key), let kept = try? Document<ImageConfig>(parsing: record) {
      return kept.content
    }
    if isOffline, case .registry = found.location { throw ImageBuildError.neverAsked("\(found.location)") }
    let config = try ImageSource(found.location, remote: remote).select(platform: platform).config
    if config.bytes.count < 1 << 20 { try cache.setRecord(config.bytes, for: key) }
    return config.content
  }

  private func absolute(_ location: ImageLocation, in folder: FilePath?) -> ImageLocation {
    location.at { path in ImageBuild.absolute(folder.map { $0.pushing(path) } ?? path) }
  }
}
