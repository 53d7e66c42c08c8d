/// Checks a layout: `LAYOUT PREPARED SCHEMAS TRANSPORT CONVERTED`. A docker-archive that is no layout too is
/// checked as what skopeo converted it to. For each image it makes `PREPARED/N/exact`, a
/// layout with that image alone, named `verify`, and `PREPARED/N/plain`, the same with its layers
/// uncompressed. Prints `image` and `layer` lines with fields between tabs.
let imageScript = #"""
  import gzip, hashlib, json, os, re, shutil, subprocess, sys, zlib
  import jsonschema

  layout, prepared, schemas, transport, converted = sys.argv[1:]
  problems, used = [], set()
  LAYERS = {"application/vnd.oci.image.layer.v1.tar": "none",
            "application/vnd.oci.image.layer.v1.tar+gzip": "gzip",
            "application/vnd.oci.image.layer.v1.tar+zstd": "zstd"}
  MANIFEST = "application/vnd.oci.image.manifest.v1+json"
  INDEX = "application/vnd.oci.image.index.v1+json"
  CONFIG = "application/vnd.oci.image.config.v1+json"

  def problem(*words):
      problems.append(" ".join(str(w) for w in words))

  def once(pairs):
      names = [name for name, _ in pairs]
      if len(set(names)) != len(names):
          problem("a JSON object has a key twice:", names)
      return dict(pairs)

  def without_ids(part):
      """References between the files are relative to the ids, which are addresses on the net."""
      if isinstance(part, list):
          return [without_ids(p) for p in part]
      if isinstance(part, dict):
          return {k: without_ids(v) for k, v in part.items() if k != "id" or not isinstance(v, str)}
      return part

  store = {}
  for name in os.listdir(schemas):
      if name.endswith(".json"):
          with open(os.path.join(schemas, name)) as file:
              document = json.load(file)
          store["file:///schemas/" + name] = without_ids(document)

  def validate(what, document, schema):
      uri = "file:///schemas/" + schema
      resolver = jsonschema.RefResolver(uri, store[uri], store=store)
      for error in jsonschema.Draft4Validator(store[uri], resolver=resolver).iter_errors(document):
          problem(what, "/".join(str(p) for p in error.path), error.message)

  def parse(what, data, schema):
      try:
          document = json.loads(data, object_pairs_hook=once)
      except ValueError as error:
          raise SystemExit("%s is no JSON: %s" % (what, error))
      validate(what, document, schema)
      return document

  def read(path):
      with open(path, "rb") as file:
          return file.read()

  def blob_path(digest):
      if not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
          problem("not a SHA-256 digest:", digest)
          raise SystemExit("\n".join(problems))
      return os.path.join(layout, "blobs", "sha256", digest[7:])

  def check_blob(descriptor):
      path = blob_path(descriptor["digest"])
      used.add(os.path.basename(path))
      if not os.path.isfile(path):
          problem("blob missing:", descriptor["digest"])
          raise SystemExit("\n".join(problems))
      sum = hashlib.sha256()
      with open(path, "rb") as file:
          for part in iter(lambda: file.read(1 << 20), b""):
              sum.update(part)
      if "sha256:" + sum.hexdigest() != descriptor["digest"]:
          problem("blob", descriptor["digest"], "has the digest", sum.hexdigest())
      if os.path.getsize(path) != descriptor["size"]:
          problem("blob", descriptor["digest"], "has", os.path.getsize(path), "bytes, not", descriptor["size"])
      return path

  def uncompressed(path, compression, out):
      """Writes what is in a blob, and gives its digest and size."""
      with open(path, "rb") as file:
          magic = file.read(4)
      seen = ("gzip" if magic[:2] == b"\x1f\x8b" else
              "zstd" if magic == b"\x28\xb5\x2f\xfd" else "none")
      if seen != compression:
          problem(path, "is said to have the compression", compression, "and has", seen)
      if seen == "zstd":
          child = subprocess.Popen(["zstd", "-dcq", path], stdout=subprocess.PIPE)
          stream = child.stdout
      else:
          child, stream = None, gzip.open(path) if seen == "gzip" else open(path, "rb")
      sum, size = hashlib.sha256(), 0
      with open(out, "wb") as file:
          try:
              for part in iter(lambda: stream.read(1 << 20), b""):
                  sum.update(part)
                  size += len(part)
                  file.write(part)
          except (OSError, EOFError, zlib.error) as error:
              problem(path, "can't be decompressed:", error)
      stream.close()
      if child and child.wait() != 0:
          problem("zstd can't decompress", path)
      return "sha256:" + sum.hexdigest(), size

  def new_layout(folder):
      blobs = os.path.join(folder, "blobs", "sha256")
      os.makedirs(blobs)
      with open(os.path.join(folder, "oci-layout"), "w") as file:
          file.write('{"imageLayoutVersion":"1.0.0"}')
      return blobs

  def finish_layout(folder, digest, size):
      with open(os.path.join(folder, "index.json"), "w") as file:
          json.dump({"schemaVersion": 2, "manifests": [{
              "mediaType": MANIFEST, "digest": digest, "size": size,
              "annotations": {"org.opencontainers.image.ref.name": "verify"}}]}, file)

  def add_blob(blobs, data):
      name = hashlib.sha256(data).hexdigest()
      with open(os.path.join(blobs, name), "wb") as file:
          file.write(data)
      return "sha256:" + name

  count = 0

  def check_image(descriptor, reference, nested):
      global count
      path = check_blob(descriptor)
      data = read(path)
      manifest = parse(descriptor["digest"], data, "image-manifest-schema.json")
      if manifest.get("mediaType", MANIFEST) != MANIFEST:
          problem("a manifest of type", manifest["mediaType"])
      if "manifests" in manifest:
          problem("a manifest that is an index too")
      if manifest["config"]["mediaType"] != CONFIG:
          problem("a configuration of type", manifest["config"]["mediaType"])
      config_data = read(check_blob(manifest["config"]))
      config = parse("configuration", config_data, "config-schema.json")
      ids = config["rootfs"]["diff_ids"]
      if len(ids) != len(manifest["layers"]):
          problem(len(ids), "diff IDs for", len(manifest["layers"]), "layers")
      if "history" in config:
          with_layer = sum(not h.get("empty_layer", False) for h in config["history"])
          if with_layer != len(ids):
              problem("the history has", with_layer, "layers of", len(ids))
      platform = "/".join(config[k] for k in ("os", "architecture", "variant") if config.get(k))
      named = descriptor.get("platform")
      if named:
          said = "/".join(named[k] for k in ("os", "architecture", "variant") if named.get(k))
          if said != platform:
              problem("the index says", said, "and the configuration", platform)
      elif nested:
          problem("an image in an index without its platform")
      number, count = count, count + 1
      exact = os.path.join(prepared, str(number), "exact")
      plain = os.path.join(prepared, str(number), "plain")
      exact_blobs, plain_blobs = new_layout(exact), new_layout(plain)
      lines, plain_layers = [], []
      for layer, diff_id in zip(manifest["layers"], ids):
          source = check_blob(layer)
          shutil.copyfile(source, os.path.join(exact_blobs, layer["digest"][7:]))
          if layer["mediaType"] not in LAYERS:
              problem("a layer of type", layer["mediaType"])
              continue
          out = os.path.join(plain_blobs, "part")
          found, size = uncompressed(source, LAYERS[layer["mediaType"]], out)
          os.rename(out, os.path.join(plain_blobs, found[7:]))
          if found != diff_id:
              problem("layer", layer["digest"], "holds", found, "and its diff ID is", diff_id)
          plain_layers.append({"mediaType": "application/vnd.oci.image.layer.v1.tar",
                               "digest": found, "size": size})
          lines.append(("layer", layer["digest"], found, layer["mediaType"], layer["size"], size))
      add_blob(exact_blobs, data), add_blob(exact_blobs, config_data), add_blob(plain_blobs, config_data)
      finish_layout(exact, descriptor["digest"], descriptor["size"])
      # umoci knows only what it says itself of a manifest, its media type not among it.
      plain_manifest = json.dumps({"schemaVersion": 2, "config": manifest["config"],
                                   "layers": plain_layers}).encode()
      finish_layout(plain, add_blob(plain_blobs, plain_manifest), len(plain_manifest))
      # Inside of strings there is no tab or new line.
      text = config_data.decode().strip().replace("\t", " ").replace("\n", " ")
      print("image", descriptor["digest"], platform, reference or "-", text, sep="\t")
      for line in lines:
          print(*line, sep="\t")

  def check_index(index, reference, depth):
      if index.get("mediaType", INDEX) != INDEX:
          problem("an index of type", index["mediaType"])
      for descriptor in index["manifests"]:
          name = (descriptor.get("annotations") or {}).get("org.opencontainers.image.ref.name", reference)
          if descriptor["mediaType"] == INDEX and depth < 3:
              inner = parse(descriptor["digest"], read(check_blob(descriptor)), "image-index-schema.json")
              check_index(inner, name, depth + 1)
          elif descriptor["mediaType"] == MANIFEST:
              check_image(descriptor, name, depth > 0)
          else:
              problem("the index names something of type", descriptor["mediaType"])

  def check_docker():
      """manifest.json of a docker-archive, as docker load reads it."""
      for image in json.loads(read(os.path.join(layout, "manifest.json")), object_pairs_hook=once):
          def inside(name):
              path = os.path.normpath(os.path.join(layout, name))
              if not path.startswith(os.path.normpath(layout) + "/") or not os.path.exists(path):
                  problem("manifest.json names", name, "which isn't in the archive")
                  raise SystemExit("\n".join(problems))
              return path
          data = read(inside(image["Config"]))
          config = json.loads(data)
          if hashlib.sha256(data).hexdigest() not in image["Config"]:
              problem("the name of", image["Config"], "is not its digest")
          for tag in image.get("RepoTags") or []:
              if not re.fullmatch(r"[a-z0-9._/:-]+:[A-Za-z0-9_.-]+", tag):
                  problem("not a tag:", tag)
          if len(image["Layers"]) != len(config["rootfs"]["diff_ids"]):
              problem("manifest.json has", len(image["Layers"]), "layers")
          for name, diff_id in zip(image["Layers"], config["rootfs"]["diff_ids"]):
              path = inside(name)
              magic = open(path, "rb").read(4)
              kind = "gzip" if magic[:2] == b"\x1f\x8b" else "zstd" if magic == b"\x28\xb5\x2f\xfd" else "none"
              found, _ = uncompressed(path, kind, os.path.join(prepared, "docker-layer"))
              os.remove(os.path.join(prepared, "docker-layer"))
              if found != diff_id:
                  problem("manifest.json:", name, "holds", found, "and its diff ID is", diff_id)

  os.makedirs(prepared)
  if transport == "docker-archive":
      check_docker()
      if not os.path.exists(os.path.join(layout, "oci-layout")):
          layout, transport = converted, "oci"
  marker = parse("oci-layout", read(os.path.join(layout, "oci-layout")), "image-layout-schema.json")
  if marker["imageLayoutVersion"] != "1.0.0":
      problem("layout version", marker["imageLayoutVersion"])
  check_index(parse("index.json", read(os.path.join(layout, "index.json")), "image-index-schema.json"), None, 0)
  if count == 0:
      problem("no image in the index")
  for folder, _, files in os.walk(layout):
      for name in files:
          relative = os.path.relpath(os.path.join(folder, name), layout)
          known = {"oci-layout", "index.json"}
          if transport == "docker-archive":
              known |= {"manifest.json", "repositories"}
          if relative not in known and not (relative.startswith("blobs/sha256/") and name in used):
              problem("left over in the layout:", relative)
  if problems:
      raise SystemExit("\n".join(problems))
  """#
