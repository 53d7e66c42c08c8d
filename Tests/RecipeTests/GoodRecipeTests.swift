import OCI
import Posix
import Recipe
import SystemPackage
import TestSupport
import Testing

@Suite("Good recipes")
struct GoodRecipeTests {
  let folder: TemporaryDirectory
  init() throws { folder = try TemporaryDirectory() }

  private func load(_ text: String, _ settings: [String: String] = [:]) throws -> RecipeSet {
    try RecipeSet(loading: [try folder.write("r.yaml", text)], settings: settings)
  }

  private func build(_ text: String, _ settings: [String: String] = [:]) throws -> Recipe.Build {
    let set = try load(text, settings)
    #expect(set.recipes.count == 1)
    return try #require(set.recipes.first?.builds.first)
  }

  @Test("A matrix gives the product in the order of the file, without what is excluded")
  func matrix() throws {
    let set = try load(
      """
      name: debian-${suite}-${variant}
      summary: ${title}
      variables: {title: "Debian ${suite} (${variant})", mirror: "http://example.org/debian"}
      matrix:
        suite: [bookworm, trixie]
        variant: [minbase, buildd]
        exclude: [{suite: trixie, variant: buildd}]
      source: {bootstrap: {suite: "${suite}", variant: "${variant}", mirrors: ["${mirror}"]}}
      tags: ["debian:${suite}-${variant}"]
      budgets: ["total<30MB"]
      """, ["mirror": "http://127.0.0.1/debian"])
    #expect(
      set.recipes.map(\.name) == [
        "debian-bookworm-minbase", "debian-bookworm-buildd", "debian-trixie-minbase",
      ])
    #expect(
      set.recipes.map(\.summary)
        == ["bookworm (minbase)", "bookworm (buildd)", "trixie (minbase)"].map { "Debian " + $0 })
    #expect(
      set.recipes.map(\.tags) == [
        ["debian:bookworm-minbase"], ["debian:bookworm-buildd"], ["debian:trixie-minbase"],
      ])
    var expected = Recipe.Bootstrap(suite: "bookworm")
    expected.variant = "buildd"
    expected.mirrors = ["http://127.0.0.1/debian"]
    #expect(set["debian-bookworm-buildd"]?.builds.map(\.source) == [.bootstrap(expected)])
    #expect(set["debian-bookworm-buildd"]?.builds.map(\.platform) == [Platform.host.description])
    #expect(set.recipes.allSatisfy { $0.budgets == ["total<30MB"] })
  }

  @Test("An item of the matrix may set several variables")
  func rows() throws {
    let set = try load(
      """
      name: debian-${suite}${suffix}
      matrix:
        suite: [bookworm, trixie]
        kind:
          - {variant: minbase, slim: false, suffix: ""}
          - {variant: minbase, slim: true, suffix: -slim}
          - {variant: buildd, slim: false, suffix: -buildd}
        exclude: [{suite: bookworm, suffix: -slim}]
      source: {bootstrap: {suite: "${suite}", variant: "${variant}", slim: "${slim}"}}
      """)
    let systems = set.recipes.map { recipe -> String in
      guard case .bootstrap(let system)? = recipe.builds.first?.source else { return "" }
      return "\(recipe.name): \(system.suite) \(system.variant ?? "") \(system.isSlim)"
    }
    #expect(
      systems == [
        "debian-bookworm: bookworm minbase false", "debian-bookworm-buildd: bookworm buildd false",
        "debian-trixie: trixie minbase false", "debian-trixie-slim: trixie minbase true",
        "debian-trixie-buildd: trixie buildd false",
      ])
  }

  @Test("A setting that no recipe knows is an error")
  func unknownSetting() throws {
    let errors = try #require(throws: RecipeErrors.self) {
      try load("name: x\nvariables: {a: b}\nsource: {bootstrap: {suite: trixie}}\n", ["b": "c"])
    }
    #expect("\(errors)" == "no recipe has a variable \"b\"")
  }

  @Test("Every key of bootstrap and packages arrives")
  func bootstrap() throws {
    let keyring = try folder.write("k.gpg", "")
    let list = try folder.write("m.list", "")
    let lock = try folder.write("x.lock", "")
    let build = try build(
      """
      name: x
      platforms: [linux/arm64]
      source:
        bootstrap:
          suite: trixie
          variant: extract
          dependencies: false
          include: [base-files, "foo=1:2~3", "${none}"]
          exclude: [bar]
          components: [main, contrib]
          mirrors: [http://example.org/debian, "deb http://example.org/x trixie main", m.list]
          keyrings: [k.gpg]
          slim: true
          path-rules: [{exclude: /usr/share/doc/*}, {include: /usr/share/doc/*/copyright}]
          hooks:
            setup: ["one ${arch}"]
            extract: [two $1]
            essential: [three $$1]
            customize: ["four $${HOME} ${platform}", five]
          apt-options: ['Acquire::Retries "3"']
          dpkg-options: [no-debsig]
          lock: x.lock
          engine: mmdebstrap
      variables: {none: ""}
      steps:
        - packages:
            include: [curl]
            suite: trixie-backports
            mirrors: [http://example.org/debian]
            dependencies: false
            hooks: {customize: [six]}
      compression: zstd:3
      inputs: [m.list]
      """)
    var expected = Recipe.Bootstrap(suite: "trixie")
    expected.variant = "extract"
    expected.leavesOutDependencies = true
    expected.include = ["base-files", "foo=1:2~3"]
    expected.exclude = ["bar"]
    expected.components = ["main", "contrib"]
    expected.mirrors = [
      "http://example.org/debian", "deb http://example.org/x trixie main", list.string,
    ]
    expected.keyrings = [keyring]
    expected.isSlim = true
    expected.paths = [
      Recipe.PathRule(isExcluded: true, pattern: "/usr/share/doc/*"),
      Recipe.PathRule(isExcluded: false, pattern: "/usr/share/doc/*/copyright"),
    ]
    expected.hooks.setup = ["one arm64"]
    expected.hooks.extract = ["two $1"]
    expected.hooks.essential = ["three $1"]
    expected.hooks.customize = ["four ${HOME} linux/arm64", "five"]
    expected.aptOptions = ["Acquire::Retries \"3\""]
    expected.dpkgOptions = ["no-debsig"]
    expected.lock = lock
    expected.engine = "mmdebstrap"
    #expect(build.source == .bootstrap(expected))
    var packages = Recipe.Packages()
    packages.include = ["curl"]
    packages.suite = "trixie-backports"
    packages.mirrors = ["http://example.org/debian"]
    packages.leavesOutDependencies = true
    packages.hooks.customize = ["six"]
    #expect(build.steps == [.packages(packages)])
    #expect(build.platform == "linux/arm64")
    #expect(build.compression == "zstd:3")
  }

  @Test("Every key of scratch, files, extras and squash arrives")
  func scratchAndSteps() throws {
    let program = try folder.write("bin/x", "")
    let motd = try folder.write("motd", "")
    let set = try load(
      """
      name: x
      source:
        scratch:
          files: [bin/x, "bin/x:/opt/x"]
          libraries: true
          certificates: true
          time-zones: true
          name-service: true
          tmp: true
          init: true
          shell: true
          user: app:1000:2000
          add: ["motd:/etc/"]
      steps:
        - files:
            - {source: motd, destination: /etc/motd, owner: "root:0", mode: 0644}
            - destination: /etc/note
              mode: "0600"
              text: |
                first
                  second ${platform}
        - extras: {user: nonroot:65532:65532, tmp: true}
        - squash: {layers: above-source, exclude: ["/a/**"], include: [/a/b], shrink: [docs, man], keep-locales: [de], duplicates: true}
        - squash: {layers: {last: 2}}
        - squash: {}
      """)
    let build = try #require(set["x"]?.builds.first)
    var scratch = Recipe.Scratch()
    scratch.files = ["\(program)", "\(program):/opt/x"]
    scratch.addsLibraries = true
    scratch.extras.certificates = true
    scratch.extras.timeZones = true
    scratch.extras.nameService = true
    scratch.extras.tmp = true
    scratch.extras.initProcess = true
    scratch.extras.shell = true
    scratch.extras.user = "app:1000:2000"
    scratch.add = ["\(motd):/etc/"]
    #expect(build.source == .scratch(scratch))
    var file = Recipe.File(.path(motd), to: "/etc/motd")
    file.owner = "root:0"
    file.mode = "0644"
    var note = Recipe.File(.text("first\n  second \(Platform.host)\n"), to: "/etc/note")
    note.mode = "0600"
    var extras = Recipe.Extras()
    extras.user = "nonroot:65532:65532"
    extras.tmp = true
    var squash = Recipe.Squash()
    squash.layers = .aboveSource
    squash.exclude = ["/a/**"]
    squash.include = ["/a/b"]
    squash.shrink = ["docs", "man"]
    squash.keepLocales = ["de"]
    squash.removesDuplicates = true
    var last = Recipe.Squash()
    last.layers = .last(2)
    #expect(
      build.steps == [
        .files([file, note]), .extras(extras), .squash(squash), .squash(last), .squash(Recipe.Squash()),
      ])
  }

  @Test("A configuration becomes instructions, in an order in which each has its effect")
  func config() throws {
    let build = try build(
      #"""
      name: x
      source: {bootstrap: {suite: trixie}}
      config:
        onbuild: ["COPY . /app"]
        cmd: [a, "b c", "é\"\\", ""]
        entrypoint: exec /init $1
        env: {PATH: /usr/bin:/bin, PRICE: "3 $ \"or\" \\4", EMPTY: "", NUMBER: 13}
        user: app:app
        workdir: /a dir
        labels: {org.opencontainers.image.title: The title, "with space": "x"}
        expose: [80, 53/udp]
        volumes: [/data, "/a b"]
        stop-signal: SIGINT
        healthcheck: {test: [/check, now], interval: 30s, timeout: 1m30s, start-period: 5s, retries: 3}
        shell: [/bin/bash, -c]
      annotations: {b: "2", a: "1"}
      """#)
    #expect(
      build.changes == [
        #"SHELL ["/bin/bash","-c"]"#,
        #"ENV PATH="/usr/bin:/bin""#,
        #"ENV PRICE="3 \$ \"or\" \\4""#,
        #"ENV EMPTY="""#,
        #"ENV NUMBER="13""#,
        #"LABEL "org.opencontainers.image.title"="The title""#,
        #"LABEL "with space"="x""#,
        #"WORKDIR "/a dir""#,
        #"USER "app:app""#,
        #"EXPOSE "80""#, #"EXPOSE "53/udp""#,
        #"VOLUME ["/data","/a b"]"#,
        #"STOPSIGNAL "SIGINT""#,
        #"HEALTHCHECK --interval=30s --timeout=1m30s --start-period=5s --retries=3 CMD ["/check","now"]"#,
        #"ENTRYPOINT exec /init $1"#,
        #"CMD ["a","b c","é\"\\",""]"#,
        #"ONBUILD COPY . /app"#,
      ])
    #expect(
      build.annotations == [Recipe.Annotation(key: "a", value: "1"), Recipe.Annotation(key: "b", value: "2")])
  }

  @Test("Other sources arrive, and paths start at the recipe's folder")
  func sources() throws {
    try folder.write("deep/app/Dockerfile", "ARG V\nFROM base\nCOPY . /\n")
    try folder.write("deep/rootfs.tar", "")
    try folder.write("deep/layout/oci-layout", "")
    try folder.write(
      "deep/recipes/base.yaml", "name: base\nsource: {import: {from: ../rootfs.tar, exclude: [/dev]}}\n")
    try folder.write(
      "deep/recipes/image.yaml",
      "name: image\nsource: {image: \"oci:../layout:a\"}\noutputs: [\"oci:../out:b\", \"docker://registry.example.org/x:1\"]\n"
    )
    try folder.write(
      "deep/recipes/remote.yaml", "name: remote\nsource: {image: docker://registry.example.org/x:1}\n")
    let digest = String(repeating: "0123456789abcdef", count: 4)
    try folder.write(
      "deep/recipes/url.yaml",
      "name: url\nsource: {import: {from: \"https://example.org/x.tar\", sha256: \"\(digest)\"}}\n")
    try folder.write(
      "deep/recipes/app.yaml",
      "name: app\nsource: {dockerfile: {context: ../app, target: \"0\", arguments: {V: 1, A: b}, images: {base: base}}}\n"
    )
    try folder.write(
      "deep/recipes/tool.yaml",
      "name: tool\nsource: {scratch: {root: {recipe: app}, files: [/bin/x, \"/bin/y:/z\"], add: [\"/etc/a:/etc/\"]}}\n"
    )
    try folder.write("deep/recipes/not-a-recipe.txt", "{")
    let recipes = folder.appending("deep/recipes")
    let set = try RecipeSet(loading: [recipes])
    #expect(set.recipes.map(\.name) == ["app", "base", "image", "remote", "tool", "url"])
    func source(_ name: String) -> Recipe.Source? { set[name]?.builds.first?.source }
    var base = Recipe.Import(from: "\(recipes)/../rootfs.tar")
    base.exclude = ["/dev"]
    #expect(source("base") == .importing(base))
    var url = Recipe.Import(from: "https://example.org/x.tar")
    url.sha256 = digest
    #expect(source("url") == .importing(url))
    #expect(source("image") == .image("oci:\(recipes)/../layout:a"))
    #expect(set["image"]?.outputs == ["oci:\(recipes)/../out:b", "docker://registry.example.org/x:1"])
    #expect(source("remote") == .image("docker://registry.example.org/x:1"))
    let context = recipes.appending("../app")
    var app = Recipe.DockerfileBuild(file: context.appending("Dockerfile"), context: context)
    app.target = "0"
    app.arguments = [Recipe.Annotation(key: "A", value: "b"), Recipe.Annotation(key: "V", value: "1")]
    app.recipes = [Recipe.DockerfileBuild.NamedRecipe(name: "base", recipe: "base")]
    #expect(source("app") == .dockerfile(app))
    var tool = Recipe.Scratch()
    tool.root = .recipe("app")
    tool.files = ["/bin/x", "/bin/y:/z"]
    tool.add = ["/etc/a:/etc/"]
    #expect(source("tool") == .scratch(tool))
    #expect(set["tool"]?.needs.map(\.name) == ["app"])
    #expect(set.ordered().map(\.name) == ["base", "app", "image", "remote", "tool", "url"])
  }

  @Test("What is wrong in a Dockerfile is told at its place there")
  func badDockerfile() throws {
    let dockerfile = try folder.write("Dockerfile", "FROM scratch\nCOPPY a b\n")
    let errors = try #require(throws: RecipeErrors.self) { try load("name: x\nsource: {dockerfile: {}}\n") }
    #expect(
      "\(errors)".hasPrefix("\(dockerfile.removingLastComponent())/./Dockerfile:2:1: ")
        || "\(errors)".hasPrefix("\(dockerfile):2:1: "), "\(errors)")
  }
}
