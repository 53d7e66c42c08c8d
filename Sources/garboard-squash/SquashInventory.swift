import CommandSupport
import Image
import Rootfs
import SBOM

/// Notes the packages in the final tree of an image while its layers are joined or kept.
final class SquashInventory {
  private var inventory = PackageInventory()
  private var writing: InventorySink?
  private let limits: LimitOptions

  init(_ limits: LimitOptions) { self.limits = limits }

  /// Watches a layer that is written.
  func joining(_ sink: any EntrySink) -> any EntrySink {
    putWritten()
    let noted = InventorySink(sink)
    writing = noted
    return noted
  }

  /// Forgets the layer that is written, which begins again.
  func discarding() { writing?.forget() }

  /// Reads a layer that stays.
  func keeping(_ layer: Layer, _ number: Int) throws {
    putWritten()
    try inventory.put(layer, number: number) { reading in
      reading.archiveLimits = limits.archive
      reading.expansionLimits = limits.expansion
    }
  }

  /// The packages, when all layers are done.
  func finish() -> PackageInventory {
    putWritten()
    return inventory
  }

  private func putWritten() {
    if let writing { inventory.put(writing.finish()) }
    writing = nil
  }
}
