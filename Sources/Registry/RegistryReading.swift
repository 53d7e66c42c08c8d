import Digest
import Fetch
import OCI
import Posix

extension RegistryClient {
  /// The types of manifests and indexes that are understood.
  private static let accepted = [
    MediaType.index, .dockerIndex, .manifest, .dockerManifest,
  ].map(\.rawValue).joined(separator: ", ")

  /// Fetches a manifest or an index by tag or digest; nil when there is none.
  ///
  /// Its digest is checked: that of the reference, or else the one that the registry says.
  func manifest(_ name: String) throws -> (descriptor: OCI.Descriptor, bytes: [UInt8])? {
    let response = try send(
      "GET", url("manifests/" + name), [("Accept", Self.accepted)], scopes: [.pull(endpoint.repository)])
    if response.status == 404 { return nil }
    guard response.status == 200 else { throw refused("GET of the manifest", response) }
    let bytes: [UInt8]
    do { bytes = try response.readAll(limit: Manifest.limits.size) } catch let failure as FetchError {
      throw error(failure)
    }
    let found = SHA256.digest(bytes)
    let stated = (try? Digest(name)) ?? response.field("docker-content-digest").flatMap { try? Digest($0) }
    if let stated, stated != found {
      throw error(.protocolViolation("gave a manifest whose digest is \(found) instead of \(stated)"))
    }
    let type = try mediaType(of: bytes, header: response.field("content-type"))
    return (OCI.Descriptor(type, digest: found, size: UInt64(bytes.count)), bytes)
  }

  /// What a manifest is: by its own words, and else by its header. The two may not contradict each other.
  private func mediaType(of bytes: [UInt8], header: String?) throws -> MediaType {
    let announced = header.map { MediaType(rawValue: String($0.prefix { $0 != ";" && $0 != " " })) }
    guard let json = try? JSONValue(parsing: bytes, limits: Manifest.limits).object else {
      throw error(.protocolViolation("gave a manifest that is no JSON object"))
    }
    if json["schemaVersion"]?.integer == 1 {
      throw error(.protocolViolation("has this image in docker's schema 1 only, which is not supported"))
    }
    if let own = json["mediaType"]?.string {
      let own = MediaType(rawValue: own)
      if let announced, [.index, .manifest].contains(announced.kind), announced != own {
        throw error(.protocolViolation("announced \(announced), but gave \(own)"))
      }
      return own
    }
    if let announced, [.index, .manifest].contains(announced.kind) { return announced }
    return json["manifests"] != nil ? .index : .manifest
  }

  /// The digest that a tag or a digest leads to, without its bytes; nil when there is none.
  func manifestDigest(_ name: String) throws -> Digest? {
    let response = try send(
      "HEAD", url("manifests/" + name), [("Accept", Self.accepted)], scopes: [.push(endpoint.repository)])
    guard response.status == 200 else { return nil }
    return response.field("docker-content-digest").flatMap { try? Digest($0) }
  }

  /// Opens a blob; nil when it isn't there. What is read must be verified.
  func blob(_ digest: Digest) throws -> BlobDownload? {
    let download = BlobDownload(self, digest)
    return try download.start() ? download : nil
  }
}

/// The bytes of a blob, as they come; after a failure it goes on where it was.
///
/// Nothing here says whether the bytes are right: their digest does, which covers what came before a failure
/// and after it.
final class BlobDownload: ByteSource {
  private let client: RegistryClient
  private let digest: Digest
  private var response: HTTPResponse?
  private var offset: UInt64 = 0
  private var retry = 0
  /// How many bytes there are in all, where the registry says it.
  private(set) var size: UInt64?

  init(_ client: RegistryClient, _ digest: Digest) {
    self.client = client
    self.digest = digest
  }

  /// Asks for the rest of the blob; false when there is no such blob.
  func start() throws -> Bool {
    var fields: [(name: String, value: String)] = [("Accept-Encoding", "identity")]
    if offset > 0 { fields.append(("Range", "bytes=\(offset)-")) }
    let response = try client.send(
      "GET", client.url("blobs/\(digest)"), fields, scopes: [.pull(client.endpoint.repository)])
    switch response.status {
    case 404: return false
    case 200:
      size = response.contentLength
      self.response = response
      // All of it again: what is known is left out.
      try skip(offset, of: response)
    case 206 where offset > 0 && response.rangeStart == offset: self.response = response
    default: throw client.refused("GET of a blob", response)
    }
    return true
  }

  private func skip(_ count: UInt64, of response: HTTPResponse) throws {
    var left = count
    while left > 0 {
      let got = try withUnsafeTemporaryAllocation(byteCount: 64 << 10, alignment: 16) { buffer in
        try response.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<Int(min(left, 64 << 10))]))
      }
      if got == 0 { throw client.error(.protocolViolation("gave less of a blob than before")) }
      left -= UInt64(got)
    }
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    while true {
      do {
        if response == nil, try !start() {
          throw client.error(.protocolViolation("lost the blob \(digest) while it was read"))
        }
        let count = try response?.read(into: buffer) ?? 0
        if count > 0 {
          offset += UInt64(count)
          retry = 0
        }
        return count
      } catch let error as FetchError {
        response = nil
        guard error.isTransient, retry < client.settings.retries else { throw client.error(error) }
        client.settings.notice("\(error); going on at byte \(offset)")
        var options = TransferOptions()
        options.retries = client.settings.retries
        options.pause(retry, serverAsks: nil)
        retry += 1
      }
    }
  }
}
