import CommandSupport
import Digest
import OCI
import Testing

@Suite("What was made")
struct ImageSummaryTests {
  static func digest(_ start: String) throws -> Digest {
    try Digest("sha256:" + start + String(repeating: "0", count: 64 - start.count))
  }

  static func image(outputs: [String] = ["output/debian-trixie.oci.tar"]) throws -> ImageSummary {
    ImageSummary(
      reference: try Reference("debian:trixie"), platform: try Platform("linux/amd64"),
      digest: try digest("5c1e07ab"), outputs: outputs,
      layers: [
        .init(
          digest: try digest("9f2c41d07ab3"), diffID: try digest("1"), mediaType: "application/x",
          size: 49_712_345, uncompressedSize: 123_800_064, entries: 5443,
          createdBy: "garboard-bootstrap trixie --variant minbase")
      ])
  }

  @Test("One layer, as the design shows it")
  func oneLayer() throws {
    #expect(
      try Self.image().lines(width: nil).joined(separator: "\n") == """
        output/debian-trixie.oci.tar  debian:trixie  linux/amd64  sha256:5c1e07…
         #  layer         compressed  uncompressed  entries  created by
         1  9f2c41d07ab3     49.7 MB      123.8 MB    5,443  garboard-bootstrap trixie --variant minbase
            total            49.7 MB      123.8 MB    5,443
        """)
  }

  @Test("Several places, several layers, no name; control characters don't reach the terminal")
  func manyLayers() throws {
    var image = try Self.image(outputs: ["a.oci.tar", "-"])
    image.reference = nil
    image.layers += [
      .init(
        digest: try Self.digest("00ff00ff00ff"), diffID: try Self.digest("2"), mediaType: "application/x",
        size: 123, uncompressedSize: 1536, entries: 1, createdBy: "RUN \u{1b}]0;evil\u{7} true")
    ]
    #expect(
      image.lines(width: 70).joined(separator: "\n") == """
        a.oci.tar  linux/amd64  sha256:5c1e07…
        -  linux/amd64  sha256:5c1e07…
         #  layer         compressed  uncompressed  entries  created by
         1  9f2c41d07ab3     49.7 MB      123.8 MB    5,443  garboard-bootstr…
         2  00ff00ff00ff       123 B        1.5 kB        1  RUN \\033]0;evil\\…
            total            49.7 MB      123.8 MB    5,444
        """)
  }

  @Test("The JSON document has exact bytes and sorted keys")
  func document() throws {
    let bytes = JSONWriter.indentedBytes(of: ImageSummary.document([try Self.image()]))
    #expect(
      String(decoding: bytes, as: UTF8.self) == """
        {
          "images": [
            {
              "digest": "sha256:5c1e07ab00000000000000000000000000000000000000000000000000000000",
              "layers": [
                {
                  "createdBy": "garboard-bootstrap trixie --variant minbase",
                  "diffID": "sha256:1000000000000000000000000000000000000000000000000000000000000000",
                  "digest": "sha256:9f2c41d07ab30000000000000000000000000000000000000000000000000000",
                  "entries": 5443,
                  "mediaType": "application/x",
                  "size": 49712345,
                  "uncompressedSize": 123800064
                }
              ],
              "outputs": [
                "output/debian-trixie.oci.tar"
              ],
              "platform": "linux/amd64",
              "reference": "docker.io/library/debian:trixie"
            }
          ]
        }

        """)
  }
}
