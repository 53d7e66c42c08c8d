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
  public func writeBill(_ images: [(image: ImageToStore, inventory: PackageInventory?)]) throws {
    try writeBill(
      images.map { image, inventory in
        SPDXDocument.Image(
          name: tag.first?.familiar, platform: image.config.content.platform, digest: image.manifest.digest,
          created: image.config.content.created, inventory: inventory ?? PackageInventory())
      })
  }

  /// Writes the bill of materials of an image that was made, when `--sbom` was given.
  public func writeBill(_ made: RootfsImage.Result, _ inventory: PackageInventory?) throws {
    try writeBill([
      SPDXDocument.Image(
        name: tag.first?.familiar, platform: made.platform, digest: made.digest, created: made.created,
        inventory: inventory ?? PackageInventory())
    ])
  }

  private func writeBill(_ images: [SPDXDocument.Image]) throws {
    guard let sbom else { return }
    let document = try SPDXDocument(images, creator: "garboard-\(garboardVersion)").json()
    var file = try AtomicFile(sbom)
    try JSONWriter.indentedBytes(of: document).withUnsafeBytes { try file.descriptor.write($0) }
    try file.commit()
  }
}
