public import Digest
public import OCI

extension BlobStore {
  /// A layout's index lists them, without a name.
  public func referrers(of digest: Digest) throws -> [OCI.Descriptor] {
    guard let bytes = try read(file: "index.json", limit: ImageIndex.limits.size),
      let index = try? Document<ImageIndex>(parsing: bytes).content
    else { return [] }
    return try index.manifests.filter { entry in
      guard [.index, .manifest].contains(entry.mediaType.kind), try stored(entry) != nil else { return false }
      let bytes = try read(entry, limit: Manifest.limits.size)
      return Descriptor.subject(of: bytes, as: entry.mediaType)?.digest == digest
    }
  }
}

extension ImageSource {
  /// Adds to a plan what is about its images and indexes, and what is about that: bills of materials, signatures.
  ///
  /// What a list names and isn't there, or is about something else, is left out.
  public func addReferrers(to plan: inout ImageCopyPlan) throws {
    var next = 0
    while next < plan.documents.count {
      let subject = plan.documents[next].descriptor
      next += 1
      for entry in try store.referrers(of: subject.digest) {
        guard [.index, .manifest].contains(entry.mediaType.kind), try store.stored(entry) != nil else {
          continue
        }
        let bytes = try store.read(entry, limit: Manifest.limits.size)
        guard Descriptor.subject(of: bytes, as: entry.mediaType)?.digest == subject.digest,
          let listed = Descriptor(referrer: bytes, as: entry)
        else { continue }
        if plan.documents.contains(where: { $0.descriptor.digest == entry.digest }) { continue }
        try walk(entry, depth: 1, &plan)
        plan.referrers.append(listed)
      }
    }
  }
}
