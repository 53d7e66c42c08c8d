public import Digest
public import Image
import OCI

/// Which layers of an image become one.
public enum SquashSelection: Sendable, Equatable {
  /// All of them.
  case all
  /// The topmost ones.
  case last(Int)
  /// Those from one on: its number from 1 for the lowest, or the start of its digest or diff ID.
  case from(String)
  /// As many as it takes that no more layers are left than this.
  case maxLayers(Int)
  /// Those above the layers shared with a base, whose diff IDs these are. `name` is for messages.
  case onto([Digest], name: String)
}

/// Layers beside each other that stay as they are, or become one.
public struct LayerRun: Sendable, Equatable {
  /// Which, from 0 for the lowest.
  public var layers: Range<Int>
  /// Whether they become one; else it is a single layer that is carried over.
  public var isJoined: Bool

  /// A run.
  public init(_ layers: Range<Int>, isJoined: Bool) {
    self.layers = layers
    self.isJoined = isJoined
  }
}

/// A selection that fits no layer of an image.
public struct SquashSelectionError: Error, Sendable, Equatable, CustomStringConvertible {
  /// What was wrong, in a person's words.
  public var description: String
}

extension SquashSelection {
  /// What becomes of the layers of an image, the lowest first.
  ///
  /// - Throws: `SquashSelectionError`.
  public func runs(of layers: [Layer]) throws(SquashSelectionError) -> [LayerRun] {
    switch self {
    case .all: return Self.joined(from: 0, of: layers.count)
    case .last(let count): return Self.joined(from: max(0, layers.count - count), of: layers.count)
    case .from(let text): return Self.joined(from: try Self.index(text, in: layers), of: layers.count)
    case .maxLayers(let most): return Self.cheapest(layers.map(\.descriptor.size), atMost: most)
    case .onto(let base, let name):
      let shared = zip(layers, base).prefix { $0.diffID == $1 }.count
      if shared == 0 {
        throw SquashSelectionError(
          description: "the image shares no layer with \(name), so it can't stand on it")
      }
      return Self.joined(from: shared, of: layers.count)
    }
  }

  private static func joined(from first: Int, of count: Int) -> [LayerRun] {
    let below = (0..<first).map { LayerRun($0..<($0 + 1), isJoined: false) }
    return first < count ? below + [LayerRun(first..<count, isJoined: true)] : below
  }

  private static func index(_ text: String, in layers: [Layer]) throws(SquashSelectionError) -> Int {
    if text.utf8.count < 6, let number = Int(text) {
      guard (1...max(1, layers.count)).contains(number), !layers.isEmpty else {
        throw SquashSelectionError(description: "there is no layer \(number): the image has \(layers.count)")
      }
      return number - 1
    }
    let hex = text.hasPrefix("sha256:") ? String(text.dropFirst(7)) : text
    guard hex.utf8.count >= 6,
      hex.utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) })
    else {
      throw SquashSelectionError(
        description:
          "\"\(text)\" is neither the number of a layer nor the start of a digest (6 digits at least)")
    }
    let found = layers.indices.filter {
      layers[$0].descriptor.digest.hex.hasPrefix(hex) || layers[$0].diffID.hex.hasPrefix(hex)
    }
    // The same layer may be there twice: the lower one.
    let digests = Set(found.map { layers[$0].diffID })
    guard let first = found.first else {
      throw SquashSelectionError(description: "no layer has a digest or diff ID that begins with \(text)")
    }
    if digests.count > 1 {
      throw SquashSelectionError(
        description: "several layers have digests or diff IDs that begin with \(text)")
    }
    return first
  }

  /// The runs that leave at most `most` layers, and in which the joined ones have the fewest bytes.
  ///
  /// Where there are several such, the lower layers stay: they are the ones that images share.
  static func cheapest(_ sizes: [UInt64], atMost most: Int) -> [LayerRun] {
    let count = sizes.count
    if count <= most { return joined(from: count, of: count) }
    var sums: [UInt64] = [0]
    for size in sizes { sums.append(sums[sums.count - 1].addingReportingOverflow(size).partialValue) }
    // cost[runs][end]: the fewest joined bytes of the first `end` layers in `runs` runs; start of the last run.
    let unreachable = UInt64.max
    var cost = [[UInt64]](repeating: [UInt64](repeating: unreachable, count: count + 1), count: most + 1)
    var start = [[Int]](repeating: [Int](repeating: 0, count: count + 1), count: most + 1)
    cost[0][0] = 0
    for runs in 1...max(1, most) {
      for end in 1...count {
        for first in 0..<end where cost[runs - 1][first] != unreachable {
          let own = end - first > 1 ? sums[end] - sums[first] : 0
          let total = cost[runs - 1][first] + own
          if total < cost[runs][end] || (total == cost[runs][end] && first > start[runs][end]) {
            cost[runs][end] = total
            start[runs][end] = first
          }
        }
      }
    }
    var result: [LayerRun] = []
    var end = count
    var runs = most
    while end > 0, runs > 0 {
      let first = start[runs][end]
      result.insert(LayerRun(first..<end, isJoined: end - first > 1), at: 0)
      end = first
      runs -= 1
    }
    return result
  }
}
