/// A registry, its token server and another host, in Python: `LAYOUT LOG [CERTIFICATE KEY]`.
///
/// They serve the image layout under every name; the first part of the name says what they do wrong. Prints
/// the ports, then logs every request as a line of JSON: which server, method, path, and all that could carry
/// a secret.
let scriptedRegistryScript = #"""
  import http.server, json, os, ssl, sys, threading, base64, urllib.parse, hashlib
  layout, log = sys.argv[1], open(sys.argv[2], "a", buffering=1)
  lock, state = threading.Lock(), {"tokens": {}, "used": {}, "seen": {}, "uploads": {}, "blobs": {},
      "manifests": {}, "referrers": {}}
  index = json.load(open(layout + "/index.json"))
  top = index["manifests"][0]
  USER = "Basic " + base64.b64encode(b"me:secret").decode()

  class Handler(http.server.BaseHTTPRequestHandler):
      protocol_version = "HTTP/1.1"
      def log_message(self, *a): pass
      def note(self, body):
          with lock:
              log.write(json.dumps({"server": self.server.name, "method": self.command, "path": self.path,
                  "authorization": self.headers.get("Authorization", ""), "body": body.decode("latin-1")[:2000],
                  "range": self.headers.get("Range", ""), "contentRange": self.headers.get("Content-Range", ""),
                  "length": len(body)}) + "\n")
      def answer(self, status, headers={}, body=b""):
          self.send_response(status)
          for k, v in headers.items(): self.send_header(k, v)
          if "Content-Length" not in headers: self.send_header("Content-Length", str(len(body)))
          self.end_headers()
          if self.command != "HEAD": self.wfile.write(body)
      def do(self):
          length = int(self.headers.get("Content-Length") or 0)
          url = urllib.parse.urlsplit(self.path)
          parts = url.path.strip("/").split("/")
          mode = parts[1] if len(parts) > 1 else ""
          if mode == "cut" and self.command == "PATCH" and self.once("cut"):
              # Takes a part, and hangs up.
              body = self.rfile.read(length // 2)
              self.note(body)
              with lock: state["uploads"][parts[-1]] = state["uploads"].get(parts[-1], b"") + body
              self.close_connection = True
              return
          if mode in ("stuck", "deaf") and self.command in ("PATCH", "PUT") and "uploads" in parts:
              # Takes a little, and then no more; the other one doesn't answer to DELETE either.
              self.note(self.rfile.read(1000))
              threading.Event().wait()
          body = self.rfile.read(length)
          self.note(body)
          if mode == "deaf" and self.command == "DELETE": threading.Event().wait()
          getattr(self, self.server.name)(url, parts, mode, body)
      do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do
      def once(self, what):
          with lock:
              first = what not in state["seen"]
              state["seen"][what] = True
              return first

      def evil(self, url, parts, mode, body):
          if "demand" in url.path:
              self.answer(401, {"WWW-Authenticate": 'Bearer realm="http://127.0.0.2:%d/token",service="evil"' % EVIL})
          elif self.command == "GET" and "blobs" in parts: self.blob(parts[-1])
          elif "token" in url.path: self.answer(200, {}, b'{"token":"stolen"}')
          else: self.answer(201)

      def token(self, url, parts, mode, body):
          query = urllib.parse.parse_qs(url.query)
          if self.command == "POST":
              form = urllib.parse.parse_qs(body.decode())
              ok, scopes = form.get("refresh_token") == ["identity"], form.get("scope", [""])[0].split(" ")
          else: ok, scopes = self.headers.get("Authorization") == USER, query.get("scope", [])
          if mode == "redirect":
              return self.answer(307, {"Location": "http://127.0.0.2:%d/token" % EVIL})
          if not ok: return self.answer(401)
          if mode == "wrong": scopes = ["repository:other:pull"]
          with lock:
              value = "t%d" % (len(state["tokens"]) + 1)
              state["tokens"][value] = scopes
          self.answer(200, {"Content-Type": "application/json"},
              json.dumps({"token": value, "expires_in": 300}).encode())

      def challenge(self, mode, name, actions):
          realm = "%s://127.0.0.1:%d/token/%s" % ("http", TOKEN, {"tokenredirect": "redirect", "wrongscope": "wrong"}.get(mode, "ok"))
          if mode == "realmelsewhere": realm = "http://127.0.0.2:%d/token" % EVIL
          self.answer(401, {"WWW-Authenticate": 'Bearer realm="%s",service="tests",scope="repository:%s:%s"' % (realm, name, actions)})

      def allowed(self, mode, name, actions):
          value = self.headers.get("Authorization", "").removeprefix("Bearer ")
          with lock:
              scopes = state["tokens"].get(value, [])
              state["used"][value] = state["used"].get(value, 0) + 1
              # Tokens that end earlier than the token server said.
              if mode == "expired" and state["used"][value] > 2: return False
          for scope in scopes:
              kind, repository, given = scope.rsplit(":", 2)[0].split(":")[0], scope.split(":")[1], scope.rsplit(":", 1)[1]
              if repository == name and set(actions.split(",")) <= set(given.split(",")): return True
          return False

      def registry(self, url, parts, mode, body):
          if url.path == "/v2/":
              return self.answer(200)
          if "manifests" in parts or "blobs" in parts:
              cut = parts.index("manifests") if "manifests" in parts else parts.index("blobs")
              name = "/".join(parts[1:cut])
          writes = self.command in ("POST", "PUT", "PATCH")
          actions = "pull,push" if writes else "pull"
          if mode not in ("open", "cut", "tampered", "huge", "busy", "loop", "tls", "refs", "stuck", "deaf") and not self.allowed(mode, name, actions):
              return self.challenge(mode, name, actions)
          if mode == "refs" and "uploads" not in parts: return self.refs(url, parts, body)
          if mode == "busy" and self.once("busy"):
              return self.answer(429, {"Retry-After": "1"})
          if "uploads" in parts: return self.upload(url, parts, mode, name, body)
          if "manifests" in parts:
              if self.command == "PUT": return self.answer(201)
              if self.command == "HEAD" and mode in ("cut", "uploadelsewhere"): return self.answer(404)
              digest = top["digest"] if not parts[-1].startswith("sha256:") else parts[-1]
              data = open(layout + "/blobs/" + digest.replace(":", "/"), "rb").read()
              if mode == "huge": data = b'{"a":"' + b"x" * (5 << 20) + b'"}'
              return self.answer(200, {"Content-Type": json.loads(data).get("mediaType", top["mediaType"]),
                  "Docker-Content-Digest": digest}, data if mode != "tampered" or "tag" in parts else data)
          digest = parts[-1]
          if self.command == "HEAD":
              if mode in ("cut", "uploadelsewhere", "stuck", "deaf"): return self.answer(404)
              return self.answer(200, {"Content-Length": str(os.path.getsize(layout + "/blobs/" + digest.replace(":", "/")))})
          if mode == "blobredirect": return self.answer(307, {"Location": "http://127.0.0.2:%d%s" % (EVIL, url.path)})
          if mode == "blobdemand": return self.answer(307, {"Location": "http://127.0.0.2:%d/demand" % EVIL})
          if mode == "loop": return self.answer(307, {"Location": url.path})
          if mode == "tls": return self.answer(302, {"Location": "http://127.0.0.1:%d%s" % (EVIL, url.path)})
          self.blob(digest, tampered=mode == "tampered")

      def tls(self, url, parts, mode, body): self.registry(url, parts, mode, body)

      def blob(self, digest, tampered=False):
          data = open(layout + "/blobs/" + digest.replace(":", "/"), "rb").read()
          if tampered: data = bytes([data[0] ^ 1]) + data[1:]
          self.answer(200, {}, data)

      def refs(self, url, parts, body):
          """A registry that keeps what it gets, and lists what is about a manifest in pages of one."""
          if "referrers" in parts:
              with lock: known = state["referrers"].get(parts[-1], [])
              page = int(urllib.parse.parse_qs(url.query).get("page", ["0"])[0])
              headers = {"Content-Type": "application/vnd.oci.image.index.v1+json"}
              if page + 1 < len(known): headers["Link"] = '<%s?page=%d>; rel="next"' % (url.path, page + 1)
              return self.answer(200, headers, json.dumps({"schemaVersion": 2,
                  "mediaType": headers["Content-Type"], "manifests": known[page:page + 1]}).encode())
          if "blobs" in parts:
              with lock: data = state["blobs"].get(parts[-1])
              return self.answer(404) if data is None else self.answer(200, {"Content-Length": str(len(data))}, data)
          digest = "sha256:" + hashlib.sha256(body).hexdigest()
          if self.command == "PUT":
              manifest, headers = json.loads(body), {"Docker-Content-Digest": digest}
              entry = {"mediaType": manifest["mediaType"], "digest": digest, "size": len(body),
                  "artifactType": manifest.get("artifactType")}
              with lock:
                  state["manifests"][digest] = state["manifests"][parts[-1]] = body
                  if "subject" in manifest:
                      headers["OCI-Subject"] = manifest["subject"]["digest"]
                      listed = state["referrers"].setdefault(manifest["subject"]["digest"], [])
                      if entry not in listed: listed.append(entry)
              return self.answer(201, headers)
          with lock: data = state["manifests"].get(parts[-1])
          if data is None: return self.answer(404)
          self.answer(200, {"Content-Type": json.loads(data)["mediaType"],
              "Docker-Content-Digest": "sha256:" + hashlib.sha256(data).hexdigest()}, data)

      def upload(self, url, parts, mode, name, body):
          if self.command == "DELETE": return self.answer(204)
          if self.command == "POST":
              with lock: identity = "u%d" % (len(state["uploads"]) + 1); state["uploads"][identity] = b""
              place = "/v2/%s/blobs/uploads/%s?state=1" % (name, identity)
              if mode == "uploadelsewhere": place = "http://127.0.0.2:%d/upload?state=1" % EVIL
              return self.answer(202, {"Location": place})
          identity = parts[-1]
          with lock: have = state["uploads"].get(identity, b"")
          if self.command == "GET":
              return self.answer(204, {"Location": self.path, "Range": "0-%d" % (len(have) - 1)})
          if self.command == "PATCH" and int(self.headers["Content-Range"].split("-")[0]) != len(have):
              return self.answer(416)
          have += body
          with lock: state["uploads"][identity] = have
          if self.command == "PATCH":
              return self.answer(202, {"Location": self.path, "Range": "0-%d" % (len(have) - 1)})
          digest = urllib.parse.parse_qs(url.query)["digest"][0]
          ok = "sha256:" + hashlib.sha256(have).hexdigest() == digest
          if ok:
              with lock: state["blobs"][digest] = have
          self.answer(201 if ok else 400)

  class Server(http.server.ThreadingHTTPServer):
      daemon_threads = True
  servers = [Server(("127.0.0.1", 0), Handler), Server(("127.0.0.1", 0), Handler), Server(("0.0.0.0", 0), Handler),
      Server(("127.0.0.1", 0), Handler)]
  for server, name in zip(servers, ["registry", "token", "evil", "tls"]): server.name = name
  REGISTRY, TOKEN, EVIL, TLS = [s.server_address[1] for s in servers]
  context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
  context.load_cert_chain(sys.argv[3], sys.argv[4])
  servers[3].socket = context.wrap_socket(servers[3].socket, server_side=True)
  for server in servers: threading.Thread(target=server.serve_forever, daemon=True).start()
  with open(sys.argv[2] + ".tmp", "w") as f: f.write("%d %d %d %d\n" % (REGISTRY, TOKEN, EVIL, TLS))
  os.rename(sys.argv[2] + ".tmp", sys.argv[2] + ".ports")
  threading.Event().wait()
  """#
