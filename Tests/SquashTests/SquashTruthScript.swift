/// Squashes images in every way, and compares with what overlayfs says. Python, after `layerTruthScript`,
/// `randomLayersScript`, `metadataCasesScript` and `imageLayoutScript`.
///
/// `SCRATCH TOOLS OUT WAYS random FIRST END` or `SCRATCH TOOLS OUT WAYS cases FOLDER…`, where a folder holds the
/// layers `0.tar`, `1.tar` and so on; WAYS is `every`, or `some`: then each image has two of the ways in turn. `OUT` gets the layout `all`, with each image squashed into one layer under the
/// name of its case, and `NAME.tree`, the truth. Prints a line for each thing that is wrong, and last how many
/// images were made and compared.
let squashTruthScript = #"""

  scratch, tools, out, ways_wanted, mode, *arguments = sys.argv[1:]
  start(scratch)
  compared, turn = 0, 0

  def blob(layout, descriptor):
      with open("%s/blobs/sha256/%s" % (layout, descriptor["digest"][7:]), "rb") as f: return f.read()

  def layers_of(layout, name=None):
      """Descriptors and diff IDs of the layers."""
      with open(layout + "/index.json") as f: index = json.load(f)
      key = "org.opencontainers.image.ref.name"
      chosen, = [m for m in index["manifests"] if name is None or m.get("annotations", {}).get(key) == name]
      manifest = json.loads(blob(layout, chosen))
      config = json.loads(blob(layout, manifest["config"]))
      return list(zip(manifest["layers"], config["rootfs"]["diff_ids"], strict=True))

  def squash(*words):
      child = subprocess.run([tools + "/garboard-squash", "-q", *words], capture_output=True, text=True)
      return None if child.returncode == 0 else "%d: %s" % (child.returncode, child.stderr.strip())

  def tree(layout, name=None):
      """The tree that the layers of an image make, each unpacked on its own."""
      stack = Stack()
      try:
          for descriptor, diff_id in layers_of(layout, name):
              data = blob(layout, descriptor)
              if descriptor["mediaType"].endswith("+gzip"): data = gzip.decompress(data)
              elif descriptor["mediaType"].endswith("+zstd"):
                  data = subprocess.run(["zstd", "-qdc"], input=data, stdout=subprocess.PIPE, check=True).stdout
              if "sha256:" + hashlib.sha256(data).hexdigest() != diff_id: raise SystemExit("wrong diff ID")
              with open("layer", "wb") as f: f.write(data)
              stack.apply("layer")
          return stack.listing()
      finally: stack.close()

  def check(name, folder):
      global compared
      archives = []
      while os.path.exists("%s/%d.tar" % (folder, len(archives))): archives.append("%s/%d.tar" % (folder, len(archives)))
      count, stack, whole = len(archives), Stack(), None
      for archive in archives: stack.apply(archive)
      truth = stack.listing()
      stack.close()
      with open("%s/%s.tree" % (out, name), "w") as f:
          for line in truth: f.write(text(line) + "\n")
      pack("in", archives)
      given = [d["digest"] for d, _ in layers_of("in")]
      failed = squash("in", "oci:all:" + name)
      if failed: print(name, "all:", failed)
      else:
          compared += 1
          found = tree("all", name)
          for line in differences(truth, found): print(name, "all:", line)
          whole = [i for _, i in layers_of("all", name)]
          if len(whole) != 1: print(name, "all: has", len(whole), "layers")
      # The ways to keep some layers, and how many of the lower ones must be as they were.
      ways = []
      if count > 1:
          middle = (count + 1) // 2
          pack("base", archives[:middle])
          ways = [("--onto", "base", middle), ("--last", "2", count - 2), ("--from", "2", 1),
                  ("--max-layers", "2", None), ("--max-layers", str(count - 1), None)]
          global turn
          turn += 1
          if ways_wanted == "some": ways = [ways[turn % 5], ways[(turn + 2) % 5]]
      for option, value, kept in ways:
          what = "%s %s of %d:" % (option, value, count)
          failed = squash(option, value, "in", "oci:part:1")
          if failed:
              print(name, what, failed)
              continue
          compared += 1
          found = tree("part", "1")
          for line in differences(truth, found, implied_times=False): print(name, what, line)
          result = [d["digest"] for d, _ in layers_of("part", "1")]
          if kept is not None:
              if result[:kept] != given[:kept] or len(result) != kept + (kept < count):
                  print(name, what, "layers", result, "from", given)
          elif len(result) > int(value): print(name, what, "has", len(result), "layers")
          for digest in set(result) & set(given):
              with open("in/blobs/sha256/" + digest[7:], "rb") as one, open("part/blobs/sha256/" + digest[7:], "rb") as two:
                  if one.read() != two.read(): print(name, what, "blob", digest, "has changed")
          # The same tree in other layers is the same layer.
          if not differences(truth, found):
              again = squash("oci:part:1", "oci:again:1")
              if again: print(name, what, "again:", again)
              elif [i for _, i in layers_of("again", "1")] != whole: print(name, what, "squashed again is another layer")
              compared += 1
              shutil.rmtree("again", ignore_errors=True)
          shutil.rmtree("part")
      shutil.rmtree("in")
      shutil.rmtree("base", ignore_errors=True)

  os.makedirs(out, exist_ok=True)
  if mode == "random":
      for seed in range(int(arguments[0]), int(arguments[1])):
          random_case("case", seed)
          check("seed-%d" % seed, "case")
          shutil.rmtree("case")
  else:
      write_cases("written")
      folders = ["written/" + name for name in sorted(os.listdir("written"))]
      for folder in arguments + folders: check(os.path.basename(folder), folder)
  shutil.copytree("all", out + "/all")
  print("compared", compared)
  """#
