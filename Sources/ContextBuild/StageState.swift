import Archive
import Dockerfile
import Image
import OCI

/// A stage as far as it was built.
final class StageState {
  let tree: StageTree
  var config: RuntimeConfig
  var history: [History]
  /// The image that it stands on in the end; nil for scratch.
  let base: Image?
  /// The platform, where something says it.
  let platform: Platform?
  var author: String?
  var commandIsSet = false

  /// A stage from nothing: docker and buildah give it a `PATH`.
  init(scratchFor platform: Platform?) {
    tree = StageTree()
    config = RuntimeConfig()
    config.environment = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
    history = []
    base = nil
    self.platform = platform
  }

  /// A stage on an image.
  init(on image: Image) {
    tree = StageTree(layers(of: image))
    config = image.config.content.runtime
    let made = image.config.content.history.filter { !$0.emptyLayer }
    // Where the history doesn't fit the layers nobody can tell what made which.
    history =
      made.count == image.layers.count
      ? image.config.content.history : image.layers.map { _ in History() }
    base = image
    platform = image.platform
  }

  /// A stage on another one.
  init(on other: StageState) {
    tree = StageTree(other.tree.layers)
    config = other.config
    history = other.history
    base = other.base
    platform = other.platform
    author = other.author
  }

  /// The newest time in its layers; of a base image that which it says of itself.
  var newest: Timestamp? {
    let own = tree.layers.compactMap(\.newest).max()
    guard let created = base?.config.content.created else { return own }
    let time = Timestamp(seconds: created.seconds, nanoseconds: created.nanoseconds)
    return max(own ?? time, time)
  }
}
