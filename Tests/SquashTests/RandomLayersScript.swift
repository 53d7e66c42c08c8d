/// Random layers that mean something: no entry below a file of the same layer, no hardlink to nothing.
/// Python, between `layerTruthScript` and `squashTruthScript`.
let randomLayersScript = #"""

  import random

  class Writer:
      names = ["a", "ab", "a.b", "b", "x.wh.y", "..data", "\udcff\udce4", "n" * 253]
      weights = [9, 3, 3, 9, 2, 1, 1, 1]
      def __init__(self, seed): self.r, self.count = random.Random(seed), 0
      def path(self):
          return "/".join(self.r.choices(self.names, self.weights)[0] for _ in range(self.r.choice([1, 1, 2, 2, 3])))
      def member(self, path, what):
          r, headers = self.r, {}
          member = tarfile.TarInfo(r.choice(["", "./", "/"]) + path)
          member.mode = r.choice([0o644, 0o755, 0o755, 0o4711, 0o2750, 0o1777, 0])
          member.uid, member.gid = r.choice([0, 0, 1000, 3000000000]), r.choice([0, 0, 33, 4000000000])
          headers["mtime"] = r.choice(["0", "1700000000", "1700000000.123456789", "-1.5", "%d" % r.randrange(2**31)])
          if what in "fd" and r.random() < .2: headers["SCHILY.xattr.user.t"] = r.choice(["v", "w=1\n", "\udcfe"])
          if r.random() < .1: headers["SCHILY.xattr.trusted.t"] = "v"
          if what == "f" and r.random() < .1:
              headers["SCHILY.xattr.security.capability"] = "\x01\0\0\x02\0\x20\0\0" + "\0" * 12
          member.pax_headers = headers
          return member
      def layer(self, archive, below):
          """Writes a layer; `below` says what kind each path of the layers below is."""
          r, own = self.r, {}                       # the layer's own tree: path and kind
          def parent_ok(path):
              p = path.split("/")
              return all(own.get("/".join(p[:i]), "d") == "d" for i in range(1, len(p)))
          def put(path, kind):
              p = path.split("/")
              for i in range(1, len(p)): own.setdefault("/".join(p[:i]), "d")
              if kind != "d":
                  for q in [q for q in own if q.startswith(path + "/")]: del own[q]
              own[path] = kind
          with tarfile.open(archive, "w", format=tarfile.PAX_FORMAT, encoding="utf-8", errors="surrogateescape") as tar:
              for _ in range(r.randrange(14)):
                  path, what = self.path(), r.choice("fffffdddlhhhwwwopcb")
                  if below and r.random() < .4: path = r.choice(sorted(below))
                  if not parent_ok(path): continue
                  member, data = self.member(path, what), None
                  if what == "f":
                      # Some have the same content.
                      self.count += 1
                      data = b"same" if r.random() < .2 else b"%d." % self.count * r.choice([1, 1, 9, 300])
                      if r.random() < .1: data = b""
                      member.size, data = len(data), io.BytesIO(data)
                  elif what == "d": member.type = tarfile.DIRTYPE
                  elif what == "l": member.type, member.linkname = tarfile.SYMTYPE, r.choice([".", "a", "/b", "../../b"])
                  elif what == "p": member.type = tarfile.FIFOTYPE
                  elif what in "cb":
                      member.type = tarfile.CHRTYPE if what == "c" else tarfile.BLKTYPE
                      member.devmajor, member.devminor = r.choice([1, 300]), r.choice([3, 70000])
                  elif what == "h":
                      targets = [p for p in own if own[p] not in "d"] + [
                          p for p in below if below[p] not in "d" and p not in own and parent_ok(p)]
                      targets = [t for t in sorted(targets) if t != path]
                      if not targets: continue
                      member.type, member.linkname = tarfile.LNKTYPE, r.choice(targets)
                      if (member.linkname + "/").startswith(path + "/") or path.startswith(member.linkname + "/"): continue
                      member.pax_headers = {}
                  if what in "wo":
                      head, _, tail = path.rpartition("/")
                      if what == "o": head, tail = path, ".wh..opq"
                      if what == "o" and own.get(path, "d") != "d": continue
                      if what == "o" and r.random() < .1: head = ""
                      if len(tail) > 200: continue
                      if head: put(head, "d") if head not in own else None
                      member.name = (head + "/" if head else "") + ".wh." + tail
                      member.pax_headers = {}
                  else: put(path, "f" if what == "h" else what)
                  tar.addfile(member, data)

  def random_case(folder, seed):
      """Writes `0.tar`, `1.tar`… into a folder."""
      os.makedirs(folder)
      stack, writer = Stack(), Writer(seed)
      for number in range(writer.r.randrange(1, 7)):
          archive = "%s/%d.tar" % (folder, number)
          kinds = {"file": "f", "directory": "d", "symlink": "l", "hardlink": "h"}
          below = {}
          for path, fields in stack.listing():
              name = path.encode().decode("unicode_escape").encode("latin-1").decode("utf-8", "surrogateescape")
              if name != ".": below[name] = kinds.get(fields["type"], "x")
          writer.layer(archive, below)
          stack.apply(archive)
      stack.close()
  """#
