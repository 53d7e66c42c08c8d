/// How an image runs: the `config` of its configuration, with docker's additions to OCI's.
public struct RuntimeConfig: Hashable, Sendable {
  /// `USER[:GROUP]`, names or numbers.
  public var user: String?
  /// `PORT/PROTOCOL`, in bytewise order.
  public var exposedPorts: [String] = []
  /// `NAME=value`, in the order of the instructions.
  public var environment: [String] = []
  /// What is always run; nil and empty are different for docker.
  public var entrypoint: [String]?
  /// What is run, or the arguments of the entrypoint; nil and empty are different for docker.
  public var command: [String]?
  /// Paths of volumes, in bytewise order.
  public var volumes: [String] = []
  /// Where it runs.
  public var workingDirectory: String?
  /// Words about the image.
  public var labels: [String: String] = [:]
  /// The signal that ends it, by name or number.
  public var stopSignal: String?
  /// How docker tests whether it works.
  public var healthcheck: Healthcheck?
  /// Instructions for builds on top of it.
  public var onBuild: [String] = []
  /// What shell forms are run with.
  public var shell: [String]?
  /// Whether the command is a single string for Windows.
  public var argumentsEscaped = false
  /// Fields that we don't know, kept.
  public var other = JSONObject()

  /// Nothing set.
  public init() {}

  init(json: JSONValue, document: String, path: String) throws(DocumentError) {
    var fields = try FieldReader(json, document: document, path: path)
    user = Self.text(try fields.string("User"))
    exposedPorts = try fields.set("ExposedPorts") ?? []
    environment = try fields.strings("Env") ?? []
    entrypoint = try fields.strings("Entrypoint")
    command = try fields.strings("Cmd")
    volumes = try fields.set("Volumes") ?? []
    workingDirectory = Self.text(try fields.string("WorkingDir"))
    labels = try fields.map("Labels") ?? [:]
    stopSignal = Self.text(try fields.string("StopSignal"))
    if let value = fields.take("Healthcheck") {
      healthcheck = try Healthcheck(json: value, document: document, path: fields.path(of: "Healthcheck"))
    }
    onBuild = try fields.strings("OnBuild") ?? []
    shell = try fields.strings("Shell")
    argumentsEscaped = try fields.bool("ArgsEscaped") ?? false
    other = try fields.unknown()
  }

  private static func text(_ text: String?) -> String? { text == "" ? nil : text }

  var json: JSONValue {
    var object = other
    object.set("User", user)
    object.set("ExposedPorts", names: exposedPorts)
    if !environment.isEmpty { object.set("Env", environment) }
    object.set("Entrypoint", entrypoint)
    object.set("Cmd", command)
    object.set("Volumes", names: volumes)
    object.set("WorkingDir", workingDirectory)
    object.set("Labels", labels)
    object.set("StopSignal", stopSignal)
    if let healthcheck { object["Healthcheck"] = healthcheck.json }
    if !onBuild.isEmpty { object.set("OnBuild", onBuild) }
    object.set("Shell", shell)
    if argumentsEscaped { object["ArgsEscaped"] = .bool(true) }
    return .object(object)
  }
}

/// How docker tests whether a container works. Durations are nanoseconds; 0 is docker's default.
public struct Healthcheck: Hashable, Sendable {
  /// `NONE`, `CMD` and its arguments, or `CMD-SHELL` and one line.
  public var test: [String]
  /// Between two tests.
  public var interval: Int64 = 0
  /// For one test.
  public var timeout: Int64 = 0
  /// In which failures don't count.
  public var startPeriod: Int64 = 0
  /// Between two tests in the start period.
  public var startInterval: Int64 = 0
  /// How many failures in a row make it unhealthy.
  public var retries: Int64 = 0
  /// Fields that we don't know, kept.
  public var other = JSONObject()

  /// A test with docker's defaults.
  public init(test: [String]) { self.test = test }

  init(json: JSONValue, document: String, path: String) throws(DocumentError) {
    var fields = try FieldReader(json, document: document, path: path)
    test = try fields.strings("Test") ?? []
    interval = try fields.integer("Interval") ?? 0
    timeout = try fields.integer("Timeout") ?? 0
    startPeriod = try fields.integer("StartPeriod") ?? 0
    startInterval = try fields.integer("StartInterval") ?? 0
    retries = try fields.integer("Retries") ?? 0
    other = try fields.unknown()
  }

  var json: JSONValue {
    var object = other
    if !test.isEmpty { object.set("Test", test) }
    let numbers = [
      ("Interval", interval), ("Timeout", timeout), ("StartPeriod", startPeriod),
      ("StartInterval", startInterval), ("Retries", retries),
    ]
    for (name, value) in numbers where value != 0 { object[name] = .integer(value) }
    return .object(object)
  }
}
