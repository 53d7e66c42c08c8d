/// Makes OCI layouts of layers. Python, after `layerTruthScript`.
let imageLayoutScript = #"""

  import gzip, json

  MEDIA = "application/vnd.oci.image."

  def add_blob(layout, data):
      name = hashlib.sha256(data).hexdigest()
      with open("%s/blobs/sha256/%s" % (layout, name), "wb") as f: f.write(data)
      return {"digest": "sha256:" + name, "size": len(data)}

  def pack(layout, archives, kinds=("+gzip", "", "+zstd"), config={}, manifest={}, index={}):
      """An OCI layout of layers, compressed in turn; what is given besides goes into the documents."""
      os.makedirs(layout + "/blobs/sha256")
      layers, ids = [], []
      for number, archive in enumerate(archives):
          with open(archive, "rb") as f: data = f.read()
          ids.append("sha256:" + hashlib.sha256(data).hexdigest())
          kind = kinds[number % len(kinds)]
          if kind == "+gzip": data = gzip.compress(data, 1, mtime=0)
          elif kind == "+zstd": data = subprocess.run(["zstd", "-qc"], input=data, stdout=subprocess.PIPE, check=True).stdout
          layers.append({"mediaType": MEDIA + "layer.v1.tar" + kind, **add_blob(layout, data)})
      config = {"architecture": "amd64", "os": "linux", "config": {"Env": ["A=b"]},
                "rootfs": {"type": "layers", "diff_ids": ids}, **config}
      config = {"mediaType": MEDIA + "config.v1+json", **add_blob(layout, json.dumps(config).encode())}
      manifest = {"schemaVersion": 2, "mediaType": MEDIA + "manifest.v1+json", "config": config, "layers": layers, **manifest}
      manifest = {"mediaType": manifest["mediaType"], **add_blob(layout, json.dumps(manifest).encode()), **index}
      with open(layout + "/index.json", "w") as f: json.dump({"schemaVersion": 2, "manifests": [manifest]}, f)
      with open(layout + "/oci-layout", "w") as f: f.write('{"imageLayoutVersion":"1.0.0"}')
  """#
