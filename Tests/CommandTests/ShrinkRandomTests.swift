import SystemPackage
import TestSupport
import Testing

/// Leaving out in random images: Python makes the layers, and says what must be left of the whole tree.
@Suite("garboard-squash leaves out, in random images")
struct ShrinkRandomTests {
  @Test("Joining all or some layers leaves what no pattern names, and nothing else changes")
  func random() throws {
    let folder = try TemporaryDirectory()
    let told = try Tool.python(
      randomScript, [try builtProgram("garboard-squash").string, folder.path.string, "0", "16"])
    #expect(told.text == "16 images\n", "\(told.text)")
  }
}

private let randomScript = #"""
  import hashlib, io, json, os, random, shutil, subprocess, sys, tarfile
  program, top, first, last = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
  names = ["a", "ab", "b", "c.d", "x"]

  def layer(r, archive):
      """A layer of files, directories, hardlinks and whiteouts that mean something."""
      own = {}
      def put(path, kind):
          parts = path.split("/")
          for i in range(1, len(parts)): own.setdefault("/".join(parts[:i]), "d")
          if kind: own[path] = kind
      with tarfile.open(archive, "w") as tar:
          for _ in range(r.randrange(2, 16)):
              path, kind = "/".join(r.choice(names) for _ in range(r.choice([1, 2, 2, 3]))), r.choice("fffddhw")
              parts = path.split("/")
              if any(own.get("/".join(parts[:i]), "d") != "d" for i in range(1, len(parts))): continue
              if path in own: continue
              member, data = tarfile.TarInfo(path), None
              if kind == "f":
                  content = b"%d" % r.randrange(3) * r.choice([1, 5])
                  member.size, data = len(content), io.BytesIO(content)
              elif kind == "d": member.type, member.mode = tarfile.DIRTYPE, 0o755
              elif kind == "h":
                  files = sorted(p for p in own if own[p] == "f")
                  if not files: continue
                  member.type, member.linkname, kind = tarfile.LNKTYPE, r.choice(files), "f"
              else: member.name, kind = "/".join(parts[:-1] + [".wh." + parts[-1]]), None
              put(path, kind)
              tar.addfile(member, data)

  def image(r, folder):
      os.makedirs(folder + "/l/blobs/sha256")
      def blob(data, kind):
          sum = hashlib.sha256(data).hexdigest()
          with open(folder + "/l/blobs/sha256/" + sum, "wb") as f: f.write(data)
          return {"mediaType": "application/vnd.oci.image." + kind, "digest": "sha256:" + sum, "size": len(data)}
      layers = []
      for _ in range(r.randrange(2, 5)):
          layer(r, folder + "/layer")
          with open(folder + "/layer", "rb") as f: layers.append(blob(f.read(), "layer.v1.tar"))
      def document(value, kind): return blob(json.dumps(value).encode(), kind)
      config = document({"architecture": "amd64", "os": "linux", "config": {},
          "rootfs": {"type": "layers", "diff_ids": [l["digest"] for l in layers]}}, "config.v1+json")
      manifest = document({"schemaVersion": 2, "config": config, "layers": layers}, "manifest.v1+json")
      for name, value in (("index.json", {"schemaVersion": 2, "manifests": [manifest]}),
                          ("oci-layout", {"imageLayoutVersion": "1.0.0"})):
          with open(folder + "/l/" + name, "w") as f: json.dump(value, f)

  def listing(archive):
      result, data, holder = {}, {}, {}
      with tarfile.open(archive) as tar:
          for member in tar:
              if member.islnk(): data[member.name] = data[member.linkname]
              elif member.isfile(): data[member.name] = tar.extractfile(member).read()
              kind = "file" if member.name in data else "other"
              result[member.name] = (kind, data.get(member.name), member.mode, member.uid, member.mtime)
      return result

  # Patterns, and what they are in Python.
  excludes = {
      "/a": lambda p: p[0] == "a", "b": lambda p: "b" in p, "/ab/x": lambda p: p[:2] == ["ab", "x"],
      "c.d": lambda p: "c.d" in p, "/x/*": lambda p: len(p) > 1 and p[0] == "x",
      "/**/ab": lambda p: "ab" in p, "/?": lambda p: len(p[0]) == 1,
  }
  includes = {"/a/b": lambda p: p[:2] == ["a", "b"], "x": lambda p: "x" in p, "/b/**": lambda p: len(p) > 1 and p[0] == "b"}

  for seed in range(first, last):
      r = random.Random(seed)
      folder = "%s/%d" % (top, seed)
      os.makedirs(folder)
      image(r, folder)
      out = r.sample(sorted(excludes), r.randrange(1, 3))
      back = r.sample(sorted(includes), r.randrange(0, 2))
      options = [o for e in out for o in ("--exclude", e)] + [o for i in back for o in ("--include", i)]
      def run(*arguments): subprocess.run([program, "-q", *arguments], cwd=folder, check=True)
      run("l", "plain.tar")
      plain = listing(folder + "/plain.tar")
      stays = set()
      for path in plain:
          parts = path.split("/")
          if any(includes[i](parts) for i in back) or not any(excludes[e](parts) for e in out):
              stays.update("/".join(parts[:i]) for i in range(1, len(parts) + 1))
      expected = {p: plain[p] for p in plain if p in stays or p in ("", ".")}
      run(*options, "l", "whole.tar")
      selection = r.choice([["--last", "1"], ["--last", "2"], ["--from", "2"]])
      run(*options, *selection, *r.choice([[], ["--dedupe-path", "/**"]]), "l", "part.oci.tar")
      run("part.oci.tar", "part.tar")
      for name in ("whole.tar", "part.tar"):
          found = listing(folder + "/" + name)
          for path in sorted(found.keys() | expected.keys()):
              if found.get(path) != expected.get(path):
                  print(seed, name, options, selection, path, found.get(path), expected.get(path))
      shutil.rmtree(folder)
  print(last - first, "images")
  """#
