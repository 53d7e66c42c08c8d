import Digest
import Image
import OCI

/// What the history of an image says after its layers were joined.
struct SquashHistory {
  /// The entries of each layer: its own last, before it those without a layer that follow the layer below.
  private let groups: [[History]]
  /// What follows the last layer.
  private let rest: [History]

  /// Tells apart what an image's history says of each layer.
  init(of image: Image) {
    let entries = image.config.content.history
    var groups: [[History]] = []
    var current: [History] = []
    for entry in entries {
      current.append(entry)
      if !entry.emptyLayer {
        groups.append(current)
        current = []
      }
    }
    if groups.count == image.layers.count {
      self.groups = groups
      rest = current
    } else {
      // Where the history doesn't fit the layers nobody can tell what made which.
      self.groups = image.layers.map { _ in [History()] }
      rest = []
    }
  }

  /// The history after the runs were joined.
  ///
  /// - Parameters:
  ///   - joined: the entry of each run's layer; nil for one that is carried over.
  ///   - keeps: whether the entries of joined layers stay, as ones without a layer.
  func after(_ runs: [LayerRun], joined: [History?], keeps: Bool) -> [History] {
    var result: [History] = []
    for (run, entry) in zip(runs, joined) {
      guard let entry else {
        for layer in run.layers { result += groups[layer] }
        continue
      }
      if keeps {
        for layer in run.layers {
          result += groups[layer].map { old in
            var old = old
            old.emptyLayer = true
            return old
          }
        }
      }
      result.append(entry)
    }
    // What set the command after the last layer was one image with it.
    if keeps || joined.last.flatMap({ $0 }) == nil { result += rest }
    return result
  }
}
