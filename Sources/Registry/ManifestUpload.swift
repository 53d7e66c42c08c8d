import Digest
import Fetch
import Image
import OCI

extension RegistryClient {
  /// Puts a manifest or an index under a tag or its digest, and lists it with what it is about.
  func put(_ bytes: [UInt8], _ descriptor: OCI.Descriptor, as name: String) throws {
    let subject = Descriptor.subject(of: bytes, as: descriptor.mediaType)
    if try manifestDigest(name) == descriptor.digest {
      if let subject, let entry = Descriptor(referrer: bytes, as: descriptor) {
        if try referrersByInterface(of: subject.digest) == nil { try list(entry, about: subject.digest) }
      }
      return
    }
    let response = try send(
      "PUT", url("manifests/" + name), [("Content-Type", descriptor.mediaType.rawValue)],
      scopes: [.push(endpoint.repository)]
    ) { .bytes(bytes) }
    guard response.status == 201 else { throw refused("PUT of a manifest", response) }
    let stated = response.field("docker-content-digest").flatMap { try? Digest($0) }
    if let stated, stated != descriptor.digest {
      throw error(
        .protocolViolation("gave the manifest the digest \(stated) instead of \(descriptor.digest)"))
    }
    // A registry that keeps the list itself says so with this field.
    guard let subject, response.field("oci-subject") == nil,
      let entry = Descriptor(referrer: bytes, as: descriptor)
    else { return }
    try list(entry, about: subject.digest)
  }
}
