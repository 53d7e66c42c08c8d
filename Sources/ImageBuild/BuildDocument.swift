public import OCI

/// The document that `--json` prints.
extension BuildSummary {
  /// `{"images":[…],"family":{…},"failures":[…]}`. An image of several platforms is several elements.
  public var json: JSONValue {
    var elements: [JSONValue] = []
    for image in images {
      for platform in image.platforms { elements.append(Self.element(image, platform)) }
    }
    let family = ImageFamily(self)
    return .object([
      "images": .array(elements),
      "family": .object([
        "images": .array(
          family.members.map {
            .object([
              "name": .string($0.name), "size": .integer(Int64(clamping: $0.size)),
              "layers": .integer(Int64($0.layers)), "shared": .integer(Int64(clamping: $0.shared)),
              "unique": .integer(Int64(clamping: $0.unique)),
            ])
          }),
        "shared": .integer(Int64(clamping: family.shared)),
        "total": .integer(Int64(clamping: family.total)),
      ]),
      "failures": .array(failures.map { .string("\($0)") }),
    ])
  }

  private static func element(_ image: Image, _ platform: Platform) -> JSONValue {
    func text(_ value: String?) -> JSONValue { value.map { .string($0) } ?? .null }
    func texts(_ values: [String]) -> JSONValue { .array(values.map { .string($0) }) }
    let failure = platform.failure ?? image.failures.first
    let status = image.failures.isEmpty ? platform.status : .failed
    var object = JSONObject()
    object["name"] = .string(image.name)
    object["recipe"] = .string(image.recipe)
    object["wanted"] = .bool(image.isWanted)
    object["status"] = .string(status.name)
    object["reference"] = text(image.tags.first)
    object["tags"] = texts(image.tags)
    object["platform"] = .string(platform.platform)
    object["digest"] = text(platform.digest)
    object["index"] = text(image.platforms.count > 1 ? image.digest : nil)
    object["outputs"] = texts(image.outputs)
    object["layers"] = .array(platform.layers.map(\.json))
    object["budgets"] = .array(image.budgets.filter { $0.platform == platform.platform }.map(\.json))
    object["failure"] = text(failure.map { "\($0)" })
    object["stages"] = .array(platform.stages.map(element))
    return .object(object)
  }

  private static func element(_ stage: Stage) -> JSONValue {
    .object([
      "name": .string(stage.name), "tool": .string("garboard-\(stage.tool)"),
      "status": .string(stage.status.name),
      "reasons": .array((stage.reason?.sentences ?? []).map { .string($0) }),
      "commands": .array(stage.commands.map { .string($0) }),
      "milliseconds": .integer(Int64((stage.duration / .milliseconds(1)).rounded())),
      "digest": stage.digest.map { .string($0) } ?? .null,
      "kept": .bool(stage.isKept),
    ])
  }
}
