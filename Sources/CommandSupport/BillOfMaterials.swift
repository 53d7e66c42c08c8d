public import Image
import OCI
import Posix
public import Rootfs
public import SBOM
import SystemPackage

/// The way of `--sbom` through a tool.
extension ImageOptions {
  /// Gives entries to `send` as they are, or past what notes the packages in them when `--sbom` was given.
  ///
  /// - Parameter below: what was noted of the layers that these entries lie on.
  /// - Returns: what was noted; nil without `--sbom`.
  public func noting(
    _ sink: any EntrySink, onto below: PackageInventory? = nil, _ send: (any EntrySink) throws -> Void
  ) throws -> PackageInventory? {
    guard sbom != nil else {
      try send(sink)
      return nil
    }
    let noted = InventorySink(sink)
    try send(noted)
    var inventory = below ?? PackageInventory()
    inventory.put(noted.finish())
    return inventory
  }

  /// Writes the bill of materials, when `--sbom` was given.
  ///
  /// - Throws: `PosixError`, and `SyntaxError` for a malformed database of packages.
  public func writeBill(
    _ images: [(image: ImageToStore, inventory: PackageInventory?)], common: CommonOptions
  ) throws {
    try writeBill(
      images.map { image, inventory in
        SPDXDocument.Image(
          name: tag.first?.familiar, platform: image.config.content.platform, digest: image.manifest.digest,
          created: image.config.content.created, inventory: inventory ?? PackageInventory())
      }, common)
  }

  /// Writes the bill of materials of an image that was made, when `--sbom` was given.
  public func writeBill(_ made: RootfsImage.Result, _ inventory: PackageInventory?, common: CommonOptions)
    throws
  {
    try writeBill(
      [
        SPDXDocument.Image(
          name: tag.first?.familiar, platform: made.platform, digest: made.digest, created: made.created,
          inventory: inventory ?? PackageInventory())
      ], common)
  }

  private func writeBill(_ images: [SPDXDocument.Image], _ common: CommonOptions) throws {
    guard let sbom else { return }
    let document = try SPDXDocument(images, creator: "garboard-\(garboardVersion)").json()
    let bytes = JSONWriter.indentedBytes(of: document)
    try AtomicFile.write(bytes, to: sbom)
    try attach(bytes, of: images, common)
  }

  /// Puts the bill of materials beside the image in each registry that it went to.
  private func attach(_ bytes: [UInt8], of images: [SPDXDocument.Image], _ common: CommonOptions) throws {
    let remote = registries.stores(common)
    let artifact = AttachedArtifact(
      bytes, mediaType: "application/spdx+json", name: "sbom.spdx.json", created: images.first?.created)
    for text in output {
      guard case .registry(let reference) = try ImageLocation(text, for: .output) else { continue }
      let manifest = try remote.attach(artifact, to: reference, about: images.map(\.digest))
      Console.shared.verbose("\(text): the bill of materials is \(manifest.digest)")
    }
  }
}
