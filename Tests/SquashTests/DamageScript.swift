/// Flips single bits of an image and squashes it. Python, after `layerTruthScript` and `imageLayoutScript`:
/// `TOOLS FOLDER SEED COUNT`. Prints what passed that must not, and last the counts.
let damageScript = #"""

  import random
  tools, folder, seed, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
  start(folder)
  r, refused, same = random.Random(seed), 0, 0
  os.makedirs("out"), os.makedirs("tmp")

  def layer(name, script):
      os.makedirs("t")
      subprocess.check_call(["sh", "-euc", script], cwd="t")
      subprocess.check_call(["tar", "-C", "t", "-cf", name, "."])
      shutil.rmtree("t")
      return name
  layers = [layer("0.tar", "seq 20000 >a; head -c 100000 /dev/urandom >r"),
            layer("1.tar", "mkdir d; echo x >d/f; ln d/f d/g"), layer("2.tar", "echo y >.wh.a; seq 1000 >b")]
  pack("layout", layers)
  subprocess.check_call(["skopeo", "copy", "--quiet", "oci:layout", "oci-archive:x.oci.tar:t"])
  # No tool makes a docker-archive of zstd.
  pack("plain", layers, kinds=("+gzip",))
  subprocess.check_call(["skopeo", "copy", "--quiet", "oci:plain", "docker-archive:x.docker.tar:n:t"])

  def squash(source):
      return subprocess.run([tools + "/garboard-squash", "-q", "--json", source, "-o", "out/a.oci.tar", "-o", "out/b"],
                            capture_output=True, text=True, env={"TMPDIR": folder + "/tmp", "PATH": os.environ["PATH"]})
  def clear():
      shutil.rmtree("out")
      os.makedirs("out")

  def check(what, source, right, may_pass):
      global refused, same
      result = squash(source)
      published, left = os.listdir("out"), os.listdir("tmp")
      if left: print(what, "leaves temporary files", left)
      if result.returncode == 0:
          same += 1
          digest = json.loads(result.stdout)["images"][0]["digest"]
          if digest != right: print(what, "gives another image", digest)
          elif not may_pass: print(what, "passes")
      else:
          refused += 1
          lines = result.stderr.split("\n")
          if result.returncode != 1: print(what, "exit", result.returncode, result.stderr)
          if len(lines) != 2 or lines[1] or not lines[0].startswith("garboard-squash: error: "): print(what, "says", lines)
          if published or result.stdout: print(what, "publishes", published, result.stdout)
      clear()

  for source in ("layout", "x.oci.tar", "x.docker.tar"):
      result = squash(source)
      if result.returncode: sys.exit(result.stderr)
      right = json.loads(result.stdout)["images"][0]["digest"]
      clear()
      files = [os.path.join(t, f) for t, _, names in os.walk(source) for f in names] or [source]
      files.sort()
      for number in range(count):
          path = files[number % len(files)]
          place, bit = r.randrange(os.path.getsize(path)), 1 << r.randrange(8)
          def flip():
              with open(path, "r+b") as f:
                  f.seek(place)
                  byte = f.read(1)[0]
                  f.seek(place)
                  f.write(bytes([byte ^ bit]))
          flip()
          # In the documents outside of blobs, and in archives, there are bytes without meaning.
          check("%s: byte %d bit %d" % (path, place, bit), source, right, "blobs/" not in path)
          flip()
      # Cut off, and with something behind.
      for path in files:
          with open(path, "rb") as f: whole = f.read()
          for size in {0, 1, len(whole) // 2, len(whole) - 1} | {r.randrange(len(whole)) for _ in range(2)}:
              with open(path, "wb") as f: f.write(whole[:size])
              check("%s: %d of %d bytes" % (path, size, len(whole)), source, right, not "blobs/" in path)
          with open(path, "wb") as f: f.write(whole + b"x")
          check(path + ": a byte more", source, right, "blobs/" not in path)
          with open(path, "wb") as f: f.write(whole)
      if squash(source).returncode: print(source, "is not whole any more")
      clear()
  print("refused", refused, "same", same)
  """#
