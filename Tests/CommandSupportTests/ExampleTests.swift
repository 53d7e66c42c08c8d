import CommandSupport
import Posix
import TestSupport
import Testing

@Suite("Examples in --help")
struct ExampleTests {
  let examples = [
    Example("Import a tarball", "garboard-import rootfs.tar -o image.oci.tar"),
    Example("Pipe one into podman", "garboard-import rootfs.tar -o - | podman load"),
  ]

  @Test("A discussion shows them as a shell would")
  func rendered() {
    #expect(
      Example.discussion("All of it.", examples) == """
        All of it.

        EXAMPLES:
          Import a tarball:
            $ garboard-import rootfs.tar -o image.oci.tar
          Pipe one into podman:
            $ garboard-import rootfs.tar -o - | podman load
        """)
  }

  @Test("What is shown can be read back")
  func roundTrip() {
    #expect(Example.examples(inDiscussion: Example.discussion("Text.", examples)) == examples)
    #expect(Example.examples(inDiscussion: "Text: no examples.").isEmpty)
    #expect(Example.discussion("Text.", []) == "Text.")
  }

  @Test("A tool's --help keeps each command on its line, and they are all found in it")
  func inHelp() throws {
    let help = try fixture("--help", environment: ["COLUMNS=400"])
    #expect(help.status.isSuccess)
    #expect(Example.examples(inDiscussion: help.text) == [Example("Say something", "tool-fixture notice")])
  }
}
