public import Archive
import OCI
import Rootfs

/// A bound that an image must keep, as `total<30MB`.
public struct Budget: Sendable, Hashable {
  /// What is bounded.
  public enum Subject: Sendable, Hashable {
    /// The stored bytes of all layers: what a pull transfers.
    case total
    /// The bytes of the uncompressed tars of all layers.
    case uncompressed
    /// The stored bytes of every layer, or of one, from 1.
    case layer(Int?)
    /// Bytes of files that layers store for nothing; with a percentage, of all bytes of files they store.
    case wasted
    /// The entries of all layers.
    case entries
    /// The bytes of a package's files in the tree.
    case package(String)
    /// The bytes of one file in the tree.
    case file(EntryPath)
    /// The bytes of a directory's files in the tree, all below included.
    case directory(EntryPath)
  }

  /// How much is allowed.
  public enum Limit: Sendable, Hashable {
    /// Bytes, or entries.
    case amount(UInt64)
    /// A share, as a number of millionths of a percent.
    case percent(millionths: UInt64)
  }

  /// The expression as it was written.
  public let expression: String
  /// What is bounded.
  public let subject: Subject
  /// How much is allowed.
  public let limit: Limit
  /// Whether the limit itself is allowed (`<=`).
  public let allowsLimit: Bool

  init(expression: String, subject: Subject, limit: Limit, allowsLimit: Bool) {
    self.expression = expression
    self.subject = subject
    self.limit = limit
    self.allowsLimit = allowsLimit
  }

  /// How an image stands to the budget.
  public struct Result: Sendable, Hashable {
    /// The budget.
    public var budget: Budget
    /// The bytes or entries that there are: of several layers, the most.
    public var actual: UInt64
    /// Where `actual` is of one layer of several: its number, from 1.
    public var layer: Int?
    /// What 100% is, for a percentage.
    public var whole: UInt64?
    /// Whether the budget is kept.
    public var holds: Bool
    /// Whether what it names is in the image at all; what is not there has 0 bytes.
    public var isPresent = true
  }

  /// Compares an image with the budget.
  public func check(_ report: ImageReport) -> Result {
    let totals = report.totals
    switch subject {
    case .total: return result(totals.size)
    case .uncompressed: return result(totals.uncompressedSize)
    case .entries: return result(totals.entries)
    case .wasted: return result(totals.wasted, of: totals.storedBytes)
    case .layer(let number?):
      guard report.layers.indices.contains(number - 1) else { return absent }
      return result(report.layers[number - 1].descriptor.size)
    case .layer(nil):
      let sizes = report.layers.map(\.descriptor.size)
      guard let most = sizes.max() else { return result(0) }
      var result = result(most)
      result.layer = (sizes.firstIndex(of: most) ?? 0) + 1
      return result
    case .package(let name): return report.bytes(ofPackage: name).map { result($0) } ?? absent
    case .file(let path): return report.bytes(ofFile: path).map { result($0) } ?? absent
    case .directory(let path): return report.bytes(inDirectory: path).map { result($0) } ?? absent
    }
  }

  private var absent: Result {
    var result = result(0)
    result.isPresent = false
    return result
  }

  private func result(_ actual: UInt64, of whole: UInt64 = 0) -> Result {
    switch limit {
    case .amount(let limit):
      return Result(budget: self, actual: actual, holds: allowsLimit ? actual <= limit : actual < limit)
    case .percent(let millionths):
      // actual / whole against millionths / 10^8, in whole numbers.
      let have = UInt128(actual) * 100_000_000
      let allowed = UInt128(whole) * UInt128(millionths)
      let isEmpty = whole == 0 && (allowsLimit || millionths > 0)
      return Result(
        budget: self, actual: actual, whole: whole,
        holds: isEmpty || (allowsLimit ? have <= allowed : have < allowed))
    }
  }
}
