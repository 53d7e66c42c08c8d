// swift-tools-version: 6.2
import PackageDescription

/// What every Swift target is built with; docs/architecture.md, "Settings".
let settings: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .treatAllWarnings(as: .error),
]

/// A C library that Debian packages: a module map and one shim header in `Sources/NAME`.
func systemLibrary(_ name: String, pkgConfig: String?, apt: String) -> Target {
  .systemLibrary(name: name, pkgConfig: pkgConfig, providers: [.apt([apt])])
}

func module(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

func tool(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .executableTarget(
    name: name, dependencies: ["CommandSupport", argumentParser, system] + dependencies,
    swiftSettings: settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(name: name, dependencies: ["TestSupport", system] + dependencies, swiftSettings: settings)
}

let system: Target.Dependency = .product(name: "SystemPackage", package: "swift-system")
let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")

let package = Package(
  name: "garboard",
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
  ],
  targets: [
    // Floor 0: C.
    systemLibrary("CArchive", pkgConfig: "libarchive", apt: "libarchive-dev"),
    systemLibrary("CZstd", pkgConfig: "libzstd", apt: "libzstd-dev"),
    systemLibrary("CLZMA", pkgConfig: "liblzma", apt: "liblzma-dev"),
    systemLibrary("CBzip2", pkgConfig: nil, apt: "libbz2-dev"),
    systemLibrary("CDeflate", pkgConfig: "libdeflate", apt: "libdeflate-dev"),
    systemLibrary("CISAL", pkgConfig: "libisal", apt: "libisal-dev"),
    systemLibrary("CCrypto", pkgConfig: "libcrypto", apt: "libssl-dev"),
    systemLibrary("CCurl", pkgConfig: "libcurl", apt: "libcurl4-openssl-dev"),
    systemLibrary("CYAML", pkgConfig: "yaml-0.1", apt: "libyaml-dev"),
    .target(name: "CLinux"),

    // Floor 1: bytes, files, archives.
    module("Posix", ["CLinux", system]),
    module("Digest", ["CCrypto"]),
    module("Codec", ["CZstd", "CLZMA", "CBzip2", "CDeflate", "CISAL", "Posix"]),
    module("Archive", ["CArchive", "Posix", "Codec"]),
    module("Spelling"),

    // Floor 2: what the bytes mean.
    module("Rootfs", ["Archive", "Posix", "Codec", system]),
    module("OCI", ["Digest"]),
    module("Debian", ["Digest", "Posix", system]),
    module("Dockerfile"),
    module("Cache", ["Digest", "Posix", system]),
    module("ELF"),

    // Floor 3: the work.
    module("Image", ["OCI", "Rootfs", "Archive", "Codec", "Digest", "Posix", "Dockerfile", "ELF", system]),
    module("SBOM", ["Image", "OCI", "Debian", "Rootfs", "Archive", "Digest", "Posix", system]),
    module(
      "Scratch",
      [
        "Image", "ELF", "OCI", "Debian", "Dockerfile", "Rootfs", "Archive", "Codec", "Digest", "Posix",
        system,
      ]),
    module(
      "Squash",
      ["Image", "OCI", "Dockerfile", "Debian", "Rootfs", "Archive", "Codec", "Digest", "Posix", system]),
    module("Fetch", ["CCurl", "Posix", system]),
    module("Registry", ["Fetch", "Image", "OCI", "Digest", "Posix", system]),
    module(
      "ContextBuild",
      [
        "Image", "Fetch", "Cache", "Dockerfile", "OCI", "Rootfs", "Archive", "Codec", "Digest", "Posix",
        system,
      ]),
    module(
      "SizeReport", ["Image", "OCI", "Debian", "Rootfs", "Archive", "Codec", "Digest", "Posix", system]),
    module(
      "Recipe",
      [
        "CYAML", "Bootstrap", "Scratch", "Squash", "SizeReport", "Image", "OCI", "Dockerfile", "Rootfs",
        "Codec", "Posix", "Spelling", system,
      ]),
    module(
      "ImageBuild",
      [
        "Recipe", "Bootstrap", "Scratch", "ContextBuild", "SizeReport", "Image", "Fetch", "Cache",
        "Dockerfile", "Debian",
        "OCI", "Digest", "Posix", system,
      ]),
    module("CacheContents", ["Cache", "Debian", "Archive", "Codec", "Digest", "Posix", system]),
    module(
      "Bootstrap", ["Cache", "Debian", "Fetch", "Rootfs", "Archive", "Codec", "Digest", "Posix", system]),

    // Floor 4: the command lines.
    module(
      "CommandSupport",
      [
        "Posix", "Digest", "Codec", "Archive", "Rootfs", "OCI", "Dockerfile", "Image", "SizeReport", "Fetch",
        "Registry", "SBOM", argumentParser, system,
      ]),
    tool("garboard", ["Posix", "Spelling"]),
    tool(
      "garboard-import",
      ["Image", "SBOM", "OCI", "Rootfs", "Archive", "Codec", "Posix", "Fetch", "SizeReport"]),
    tool(
      "garboard-bootstrap",
      [
        "Bootstrap", "Cache", "Debian", "Fetch", "Image", "SBOM", "OCI", "Rootfs", "Archive", "Codec",
        "Digest", "Posix", "SizeReport",
      ]),
    tool("garboard-report", ["Image", "OCI", "SizeReport", "Rootfs", "Digest", "Posix"]),

    tool(
      "garboard-squash",
      [
        "Squash", "SBOM", "Image", "OCI", "Dockerfile", "Rootfs", "Archive", "Codec", "Digest", "Posix",
        "SizeReport",
      ]),

    tool(
      "garboard-scratch",
      [
        "Scratch", "ContextBuild", "Cache", "SBOM", "Image", "OCI", "Dockerfile", "Rootfs", "Archive",
        "Codec", "Digest", "Posix",
        "Fetch",
        "SizeReport",
      ]),

    tool(
      "garboard-build", ["ImageBuild", "Recipe", "Cache", "Image", "OCI", "Digest", "Posix"]),
    tool("garboard-cache", ["CacheContents", "Cache", "OCI", "Posix"]),
    tool("garboard-copy", ["Image", "OCI", "Codec", "Digest", "Posix"]),

    // Tests.
    .target(
      name: "TestSupport",
      dependencies: ["Posix", "Digest", "Codec", "Archive", "Rootfs", "OCI", "Image", system],
      path: "Tests/TestSupport", swiftSettings: settings),
    .executableTarget(
      name: "tool-fixture", dependencies: ["CommandSupport", "Posix", argumentParser, system],
      path: "Tests/ToolFixture", swiftSettings: settings),
    .executableTarget(
      name: "resolve-fixture", dependencies: ["Debian", "Posix", system], path: "Tests/ResolveFixture",
      swiftSettings: settings),
    tests("PosixTests", ["Posix"]),
    tests("DigestTests", ["Digest"]),
    tests("CodecTests", ["Codec", "Posix"]),
    tests("ArchiveTests", ["Archive", "Codec", "Posix"]),
    tests("RootfsTests", ["Rootfs", "Archive", "Codec", "Posix"]),
    tests("OCITests", ["OCI", "Digest"]),
    tests("DockerfileTests", ["Dockerfile"]),
    tests("DebianTests", ["Debian", "Posix", "resolve-fixture"]),
    tests("ELFTests", ["ELF"]),
    tests("ScratchTests", ["Scratch", "ELF", "Posix", system]),
    tests("CacheTests", ["Cache", "Digest", "Posix"]),
    tests("CacheContentsTests", ["CacheContents", "Cache", "Digest", "Posix"]),
    tests("ContextBuildTests", ["ContextBuild", "Image", "OCI", "Digest", "Posix", system]),
    tests(
      "ImageTests", ["Image", "ELF", "OCI", "Dockerfile", "Rootfs", "Archive", "Codec", "Digest", "Posix"]),
    tests("FetchTests", ["Fetch", "Posix"]),
    tests("RegistryTests", ["Registry", "Fetch", "Image", "OCI", "Digest", "Posix", system]),
    tests("BootstrapTests", ["Bootstrap", "Debian", "Digest", "Fetch", "Archive", "Posix", "Rootfs"]),
    tests(
      "ImageBuildTests",
      ["ImageBuild", "Recipe", "Cache", "Image", "OCI", "Digest", "Posix", system]),
    tests("RecipeTests", ["Recipe", "OCI", "Posix", system]),
    tests("SizeReportTests", ["SizeReport", "Image", "OCI", "Rootfs", "Archive", "Digest", "Posix", system]),
    tests(
      "CommandSupportTests",
      [
        "CommandSupport", "Archive", "Codec", "Digest", "Dockerfile", "OCI", "Posix", "Rootfs",
        "tool-fixture",
        argumentParser,
      ]),
    tests("SquashTests", ["Squash", "CommandSupport", "OCI", "Digest", "Posix"]),
    tests("CommandTests", ["Posix", "CommandSupport"]),
    tests("PackageTests", ["Posix", "OCI"]),
  ],
  swiftLanguageModes: [.v6]
)
