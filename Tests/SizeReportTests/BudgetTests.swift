import Archive
import SizeReport
import TestSupport
import Testing

@Suite("Budgets")
struct BudgetTests {
  @Test(
    "Limits",
    arguments: [
      ("total<30MB", 30_000_000), ("total<=1.5kB", 1500), ("total<12", 12), ("total<12B", 12),
      ("total < 2 GiB", 2 << 30), ("total<0.5KiB", 512), ("total<1.0000000001kB", 1000),
      ("total<1TB", 1_000_000_000_000), ("total<1TiB", 1 << 40), ("total<1MiB", 1 << 20),
      ("total<18446744073709551615", UInt64.max), ("entries<5000", 5000), ("total<0", 0),
      ("file:/a<b<7kB", 7000),
    ])
  func limits(_ text: String, _ bytes: UInt64) throws {
    #expect(try Budget(text).limit == .amount(bytes))
  }

  @Test("Subjects")
  func subjects() throws {
    #expect(try Budget("uncompressed<1").subject == .uncompressed)
    #expect(try Budget("layer<1").subject == .layer(nil))
    #expect(try Budget("layer:2<=1").subject == .layer(2))
    #expect(try Budget("layer:2<=1").allowsLimit)
    #expect(try Budget("wasted<1.25%").limit == .percent(millionths: 1_250_000))
    #expect(try Budget("package:perl-base<9MB").subject == .package("perl-base"))
    #expect(try Budget("file:/usr/a<b<9MB").subject == .file(EntryPath("usr/a<b")))
    #expect(try Budget("dir:usr/share/<9MB").subject == .directory(EntryPath("usr/share")))
  }

  @Test(
    "What is no budget says where and why",
    arguments: [
      ("total", 6, "a \"<\""), ("", 1, "a \"<\""), ("total<", 7, "a number"), ("total>1", 8, "a \"<\""),
      ("total<MB", 7, "a number"), ("total<30mb", 9, "\"mb\" is no unit"), ("total<1.MB", 9, "digits"),
      ("total<1.5", 7, "a part of one"), ("total<-1", 7, "a number"), ("total<5%", 8, "only \"wasted\""),
      ("entries<5kB", 10, "entries are counted"), ("sum<1", 1, "\"sum\" is nothing"),
      ("layer:x<1", 7, "\"x\" is no number"), ("layer:0<1", 7, "\"0\" is no number"),
      ("package<1", 8, "\"package\" needs"), ("package:<1", 9, "the name"), ("file:<1", 6, "the path"),
      ("dir:/a/../b<1", 5, "the name \"/a/../b\""), ("total:x<1", 6, "\"total\" is of the whole"),
      ("total<18446744073709551616", 7, "the number is too large"),
      ("total<99999999999TB", 7, "the number is too large"), ("total<1MB extra", 8, "\"MB extra\" is no"),
      ("total<<1", 7, "\"total<\""),
    ])
  func errors(_ text: String, _ column: Int, _ problem: String) {
    let error = #expect(throws: BudgetError.self) { try Budget(text) }
    if text == "total<<1" {
      #expect(error?.problem.hasPrefix("\"total<\" is nothing") == true)
    } else {
      #expect(error?.column == column)
      #expect(error?.problem.hasPrefix(problem) == true, "\(error?.problem ?? "")")
    }
  }

  private func image() throws -> ImageReport {
    let tars = [HandmadeTar(["a", "d/b", "d/c"]), HandmadeTar(["a"], layer: 1)]
    return try ImageReport(of: tars.map { ReportedLayer(tar: $0.finished) })
  }

  @Test(
    "Kept and broken, at the limit too",
    arguments: [
      ("total<6144", 6144, false), ("total<=6144", 6144, true), ("total<6145", 6144, true),
      ("uncompressed<=6144", 6144, true), ("layer<4096", 4096, false), ("layer<=4096", 4096, true),
      ("layer:2<4096", 2048, true), ("layer:1<4096", 4096, false), ("entries<4", 4, false),
      ("entries<=4", 4, true), ("wasted<101", 101, false), ("wasted<=101", 101, true),
      // 101 of 507 bytes are 19.92 percent.
      ("wasted<19%", 101, false), ("wasted<19.9%", 101, false), ("wasted<20%", 101, true),
      ("file:/a<201", 201, false), ("file:a<=201", 201, true), ("dir:/d<205", 205, false),
      ("dir:/<407", 406, true), ("file:/d/x<1", 0, true),
    ])
  func check(_ text: String, _ actual: UInt64, _ holds: Bool) throws {
    let result = try Budget(text).check(image())
    #expect(result.actual == actual)
    #expect(result.holds == holds)
    #expect(result.isPresent == !text.hasPrefix("file:/d/x"))
  }

  @Test("What is not there is said")
  func absent() throws {
    for text in ["package:none<1", "layer:3<1", "file:/d<1", "dir:/a<1"] {
      let result = try Budget(text).check(image())
      #expect(!result.isPresent)
      #expect(result.actual == 0)
    }
  }

  @Test("Nothing stored wastes nothing")
  func nothing() throws {
    let empty = try ImageReport(of: [ReportedLayer(tar: [])])
    #expect(try Budget("wasted<1%").check(empty).holds)
    #expect(try !Budget("wasted<0%").check(empty).holds)
    #expect(try Budget("wasted<=0%").check(empty).holds)
    #expect(try Budget("layer<1").check(ImageReport(of: [])).holds)
  }
}
