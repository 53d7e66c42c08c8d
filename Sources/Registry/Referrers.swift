import Digest
import Fetch
import Image
import OCI
import Posix

/// Manifests about others, by the registry's own list, or by the index under a tag where it keeps none.
/// <https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md#listing-referrers>
extension RegistryClient {
  /// Lists what is about a manifest.
  func referrers(of digest: Digest) throws -> [OCI.Descriptor] {
    if let found = try referrersByInterface(of: digest) { return found }
    return try taggedReferrers(of: digest)?.content.manifests ?? []
  }

  /// The registry's own list; nil where it keeps none.
  func referrersByInterface(of digest: Digest) throws -> [OCI.Descriptor]? {
    var url = try url("referrers/\(digest)")
    var found: [OCI.Descriptor] = []
    // Lists come in pages, and nobody needs many.
    for _ in 0..<64 {
      let response = try send(
        "GET", url, [("Accept", MediaType.index.rawValue)], scopes: [.pull(endpoint.repository)])
      // What it doesn't know it says in several ways.
      if [400, 404, 405, 406, 501].contains(response.status) { return nil }
      guard response.status == 200 else { throw refused("GET of referrers", response) }
      let bytes: [UInt8]
      do { bytes = try response.readAll(limit: ImageIndex.limits.size) } catch let failure as FetchError {
        throw error(failure)
      }
      guard let index = try? Document<ImageIndex>(parsing: bytes, as: .index) else {
        // Some answer everything with a page.
        return nil
      }
      found += index.content.manifests
      guard let link = response.field("link"), let next = Self.nextPage(link) else { return found }
      url = try follow(next, from: url)
    }
    throw error(.protocolViolation("lists more referrers than anybody needs"))
  }

  /// The address in `Link: <…>; rel="next"`.
  static func nextPage(_ field: String) -> String? {
    for link in field.split(separator: ",") {
      let parts = link.split(separator: ";").map { $0.drop { $0 == " " } }
      guard let address = parts.first, address.hasPrefix("<"), let end = address.firstIndex(of: ">") else {
        continue
      }
      if parts.dropFirst().contains(where: { $0 == "rel=\"next\"" || $0 == "rel=next" }) {
        return String(address[address.index(after: address.startIndex)..<end])
      }
    }
    return nil
  }

  /// The tag of the index for registries that keep no list.
  static func referrersTag(of digest: Digest) -> String { "sha256-" + digest.hex }

  private func taggedReferrers(of digest: Digest) throws -> Document<ImageIndex>? {
    guard let found = try manifest(Self.referrersTag(of: digest)) else { return nil }
    do { return try Document<ImageIndex>(parsing: found.bytes, as: found.descriptor.mediaType) } catch {
      throw self.error(
        .protocolViolation("has something else than an index under the tag \(Self.referrersTag(of: digest))"))
    }
  }

  /// Puts a manifest into the index under the tag. Another process may do so at the same time and overwrite
  /// ours, so it is looked at again.
  func list(_ entry: OCI.Descriptor, about digest: Digest) throws {
    for _ in 0..<8 {
      let old = try taggedReferrers(of: digest)
      var index = old?.content ?? ImageIndex()
      if index.manifests.contains(where: { $0.digest == entry.digest }) { return }
      index.manifests.append(entry)
      let document = Document(index)
      let response = try send(
        "PUT", url("manifests/" + Self.referrersTag(of: digest)),
        [("Content-Type", index.mediaType.rawValue)],
        scopes: [.push(endpoint.repository)]
      ) { .bytes(document.bytes) }
      guard response.status == 201 else { throw refused("PUT of the index of referrers", response) }
    }
    let now = try taggedReferrers(of: digest)?.content.manifests ?? []
    if now.contains(where: { $0.digest == entry.digest }) { return }
    throw error(.protocolViolation("doesn't keep the index under \(Self.referrersTag(of: digest))"))
  }
}

extension RegistryClient {
  /// Puts a file beside the image that it is about.
  ///
  /// - Parameters:
  ///   - name: the image's tag.
  ///   - images: the manifests that it must lead to, or list.
  func attach(_ artifact: AttachedArtifact, to name: String, about images: [Digest]) throws -> OCI.Descriptor
  {
    let wanted = images.count == 1 ? images[0].description : name
    guard let subject = try manifest(wanted) else { throw error(.notFound("there is no such image")) }
    if images.count != 1 {
      let listed = try? Document<ImageIndex>(parsing: subject.bytes).content.manifests.map(\.digest)
      guard let listed, Set(images).isSubset(of: listed) else {
        throw error(.notFound("the tag leads to another image by now: nothing was attached"))
      }
    }
    let document = artifact.manifest(about: subject.descriptor)
    for (descriptor, bytes) in [
      (document.content.config, AttachedArtifact.emptyConfig), (artifact.layer, artifact.bytes),
    ] {
      _ = try BlobUpload(BlobToCopy(descriptor) { BytesSource(bytes) }, self).run(mountingFrom: nil)
    }
    let descriptor = OCI.Descriptor(.manifest, digest: document.digest, size: document.size)
    try put(document.bytes, descriptor, as: document.digest.description)
    return descriptor
  }
}
