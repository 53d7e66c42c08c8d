/// The version of all tools, which are released together.
public let garboardVersion = "0.1.0"
