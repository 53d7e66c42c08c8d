import Dockerfile
import Image
public import OCI

/// What a build from a Dockerfile takes from elsewhere: images that are no stages of it, and files that `ADD`
/// fetches. Nothing is read for it but the configurations of images, whose variables and `ONBUILD` count.
public struct DockerfileInputs: Sendable {
  /// An image that `FROM` or `--from` names.
  public struct OutsideImage: Sendable, Equatable {
    /// Its name in the Dockerfile, variables put in.
    public var name: String
    /// Where it is: a location of images, or a folder.
    public var location: String
    /// Whether the request says what the name stands for.
    public var isGiven: Bool
  }

  /// A file that `ADD` fetches.
  public struct OutsideFile: Sendable, Equatable {
    /// Its URL, variables put in.
    public var url: String
    /// Whether `--checksum` says what it must be.
    public var isChecked: Bool
  }

  /// The images, each name once.
  public private(set) var images: [OutsideImage] = []
  /// The files, each URL once.
  public private(set) var files: [OutsideFile] = []

  /// Looks through the stages that a build needs.
  ///
  /// - Parameter configuration: gives the configuration of an image for a platform (the machine's when nil).
  /// - Throws: `BuildError` with the place in the Dockerfile, also for what `configuration` throws.
  public init(
    _ request: BuildRequest,
    configuration: (OutsideImage, Platform?) throws -> RuntimeConfig
  ) throws {
    let plan = try BuildPlan(request)
    let target = try plan.target(request.target)
    try plan.check(target)
    var stages: [Int: RuntimeConfig] = [:]
    _ = try look(at: target, [], of: plan, request, configuration, &stages)
  }

  /// - Returns: the configuration of the finished stage.
  private mutating func look(
    at number: Int, _ path: [Int], of plan: BuildPlan, _ request: BuildRequest,
    _ configuration: (OutsideImage, Platform?) throws -> RuntimeConfig, _ stages: inout [Int: RuntimeConfig]
  ) throws -> RuntimeConfig {
    if let known = stages[number] { return known }
    let from = plan.dockerfile.stages[number]
    // Triggers of images may lead into a circle that the plan doesn't know of.
    if path.contains(number) { throw plan.error(BuildPlan.circle, at: from.position) }
    let path = path + [number]
    let names = BaseImages(contexts: request.contexts, remote: request.remote)
    let (text, base) = try plan.base(of: number)
    let platform = try plan.platform(of: number) ?? request.platform
    var config: RuntimeConfig
    do {
      if let base {
        config = try look(at: base, path, of: plan, request, configuration, &stages)
      } else if text == "scratch" {
        config = StageState(scratchFor: platform).config
      } else {
        config = try configuration(try note(text, names), platform)
      }
    } catch { throw plan.located(error, "FROM", from.base.position) }
    let triggers = config.onBuild
    config.onBuild = []
    var instructions: [BuildInstruction] = []
    for text in triggers {
      do { instructions.append(try BuildInstruction.parse(trigger: text)) } catch {
        throw plan.error("ONBUILD \(text): \(error.reason)", at: from.base.position)
      }
    }
    var arguments = BuildArguments(given: request.arguments, globals: plan.globals)
    var commandIsSet = false
    for instruction in instructions + from.instructions {
      let (here, known) = (config, arguments)
      let lookup: (String) -> String? = { known.value($0, here) }
      do {
        switch instruction.kind {
        case .run, .maintainer: break
        case .argument(let declarations): try arguments.declare(declarations, of: instruction, config)
        case .change(let change): config.apply(try change.resolved(lookup), commandIsSet: &commandIsSet)
        case .transfer(let transfer):
          if let other = transfer.from {
            if let stage = try plan.stage(from: other.text, in: number) {
              _ = try look(at: stage, path, of: plan, request, configuration, &stages)
            } else {
              _ = try note(other.text, names)
            }
          }
          if transfer.isAdd { try note(transfer, instruction, lookup) }
        }
      } catch { throw plan.located(error, instruction.name, instruction.position) }
    }
    stages[number] = config
    return config
  }

  private mutating func note(_ name: String, _ names: BaseImages) throws -> OutsideImage {
    if let known = images.first(where: { $0.name == name }) { return known }
    let (location, isGiven) = try names.location(of: name)
    let image = OutsideImage(name: name, location: location, isGiven: isGiven)
    images.append(image)
    return image
  }

  private mutating func note(
    _ transfer: Transfer, _ instruction: BuildInstruction, _ lookup: @escaping (String) -> String?
  ) throws {
    let words = try TransferWords(transfer, instruction, lookup)
    for case .path(let url, _) in words.sources where url.hasPrefix("http://") || url.hasPrefix("https://") {
      if files.contains(where: { $0.url == url && !$0.isChecked }) { continue }
      files.removeAll { $0.url == url }
      files.append(OutsideFile(url: url, isChecked: words.checksum != nil))
    }
  }
}
