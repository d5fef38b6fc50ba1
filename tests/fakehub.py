"""A small stand-in for the Hugging Face Hub that can go wrong in every way that the real one does.

  python -m tests.fakehub --root DIR [--port 0] [--token T] [--fault SPEC ...]
DIR holds one folder per repository:   DIR/<owner>/<name>/<files...>
Optional DIR/<owner>/<name>/.hub.json: {"gated": true, "private": true, "disabled": true,
                                        "lfs": ["*.bin", "*.safetensors", ...], "tags": [...], "card": {...}}
The commit id of a repository is a sha1 over its listing (path + content), so changing a file makes a new commit;
earlier contents are not kept (asking for an old commit id gives 404 RevisionNotFound).

Serves what huggingface_hub asks for:
  HEAD/GET /<repo>/resolve/<rev>/<path>      ETag, X-Repo-Commit, X-Linked-Etag, X-Linked-Size, Accept-Ranges, 206/416
                                             (LFS files: 302 to /cdn/<sha256> with --cdn, else direct)
  GET /api/models/<repo>[/revision/<rev>]    repo info (sha, siblings, private, gated, lastModified)
Control (not part of the Hub):
  GET  /_ctl/log                  requests so far as JSON (method, path, range, status, bytes sent, auth: bool)
  POST /_ctl/faults               replace the fault list (JSON list of spec strings);  POST /_ctl/reset clears log
Fault spec:  kind[=value][@path-glob][#count]      (count: how many matching requests it hits; default every one)
  latency=2.5     wait before answering             rate=65536     bytes per second of the body
  status=503      answer this status                unauth         401 with no X-Error-Code (private / missing repo)
  gated           401 X-Error-Code GatedRepo        forbidden      403 GatedRepo (token without access)
  norepo          404 RepoNotFound                  noentry        404 EntryNotFound     norev  404 RevisionNotFound
  truncate=1000   close after 1000 body bytes       reset=1000     RST after 1000 bytes
  short=1000      Content-Length and body both cut to 1000 (a lying mirror); HEAD still tells the full size
  flip=500        one bit of the body at offset 500 flipped, size kept (silent corruption)
  swap=FILE       serve FILE's bytes under this file's ETag/size (tampered CDN)
  noetag          leave out ETag/X-Linked-Etag      nocommit       leave out X-Repo-Commit
  norange         ignore Range (answer 200)         html           200 text/html page (captive portal)
  hang            accept, never answer              ratelimit      429 with Retry-After: 1
  redirect=URL    302 to URL (SSRF / token leak test: see the log of the other server for Authorization)
Only GET/HEAD count for a glob on resolve paths; write `HEAD:` or `GET:` before the glob to pick one, e.g. truncate=9@GET:*.bin#2
"""

import argparse
import fnmatch
import hashlib
import json
import os
import re
import socket
import struct
import sys
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.parse import parse_qs, unquote, urlsplit

DEFAULT_LFS = ["*.bin", "*.pt", "*.pth", "*.pkl", "*.ckpt", "*.safetensors", "*.npz", "*.onnx", "*.zip", "*.h5"]


class Repo:
    """One repository folder; hashes are cached by (size, mtime_ns)."""

    _cache: ClassVar = {}
    _lock = threading.Lock()

    def __init__(self, root, repo_id):
        self.id, self.dir = repo_id, Path(root) / repo_id
        meta = self.dir / ".hub.json"
        self.meta = json.loads(meta.read_text()) if meta.is_file() else {}
        lfs = self.meta.get("lfs", DEFAULT_LFS)
        self.files = {}
        for p in sorted(self.dir.rglob("*")):
            if p.is_file() and p.name != ".hub.json":
                rel = p.relative_to(self.dir).as_posix()
                self.files[rel] = self._describe(p, any(fnmatch.fnmatch(rel, g) for g in lfs))
        h = hashlib.sha1(self.id.encode())
        for rel, f in self.files.items():
            h.update(f"\0{rel}\0{f['blob']}".encode())
        self.sha = h.hexdigest()

    @classmethod
    def _describe(cls, path, lfs):
        st = path.stat()
        key = (str(path), st.st_size, st.st_mtime_ns)
        with cls._lock:
            got = cls._cache.get(key)
        if got is None:
            s256, git = hashlib.sha256(), hashlib.sha1(f"blob {st.st_size}\0".encode())
            with open(path, "rb") as f:
                while chunk := f.read(1 << 20):
                    s256.update(chunk), git.update(chunk)
            got = (s256.hexdigest(), git.hexdigest())
            with cls._lock:
                cls._cache[key] = got
        sha256, blob = got
        return {"path": path, "size": st.st_size, "sha256": sha256, "blob": blob, "lfs": lfs}


class Fault:
    RX = re.compile(r"^(?P<kind>\w+)(=(?P<value>[^@#]*))?(@((?P<method>GET|HEAD|POST):)?(?P<glob>[^#]*))?(#(?P<count>\d+))?$")

    def __init__(self, spec):
        m = self.RX.match(spec)
        if not m:
            raise ValueError(f"bad fault spec: {spec!r}")
        self.kind, self.value = m["kind"], m["value"]
        self.method, self.glob = m["method"], m["glob"] or "*"
        self.left = int(m["count"]) if m["count"] else None

    def hits(self, method, path):
        if self.method and self.method != method:
            return False
        if not fnmatch.fnmatch(path, self.glob):
            return False
        if self.left is not None:
            if self.left <= 0:
                return False
            self.left -= 1
        return True


class State:
    def __init__(self, root, token, cdn, faults):
        self.root, self.token, self.cdn = Path(root), token, cdn
        self.lock, self.log = threading.Lock(), []
        self.faults = [Fault(s) for s in faults]

    def repo(self, repo_id):
        if not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", repo_id) or ".." in repo_id:
            return None
        return Repo(self.root, repo_id) if (self.root / repo_id).is_dir() else None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "fakehub"

    def setup(self):
        # A short outgoing buffer: "sent" is what the other side took, not what the system holds for it.
        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 16)
        super().setup()

    def log_message(self, *a):
        pass

    # ---- plumbing
    def do_HEAD(self):
        self.route("HEAD")

    def do_GET(self):
        self.route("GET")

    def do_POST(self):
        self.route("POST")

    def route(self, method):
        st = self.server.state
        u = urlsplit(self.path)
        self.path_only, self.query = unquote(u.path), parse_qs(u.query)
        n = int(self.headers.get("Content-Length") or 0)
        self.body = self.rfile.read(n) if n else b""
        self.sent, self.status_sent = 0, None
        try:
            if self.path_only.startswith("/_ctl/"):
                return self.control()
            with st.lock:
                self.active = {f.kind: f.value for f in st.faults if f.hits(method, self.path_only)}
            if self.early_faults():
                return
            self.dispatch(method)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        finally:
            if not self.path_only.startswith("/_ctl/"):
                with st.lock:
                    st.log.append(
                        {
                            "t": round(time.time(), 3),
                            "method": method,
                            "path": self.path_only,
                            "range": self.headers.get("Range"),
                            "status": self.status_sent,
                            "sent": self.sent,
                            "auth": bool(self.headers.get("Authorization")),
                            "faults": sorted(getattr(self, "active", {})),
                        }
                    )

    def early_faults(self):
        a = self.active
        if "latency" in a:
            time.sleep(float(a["latency"]))
        if "hang" in a:
            self.rfile.read(1)  # returns when the client gives up
            self.close_connection = True
            return True
        if "redirect" in a:
            self.reply(302, b"", {"Location": a["redirect"]})
            return True
        if "html" in a:
            self.reply(200, b"<html><body>Please log in to the network</body></html>", {"Content-Type": "text/html"})
            return True
        for kind, status, code, msg in (
            ("unauth", 401, None, "Invalid username or password."),
            ("gated", 401, "GatedRepo", "Access to this model is restricted."),
            ("forbidden", 403, "GatedRepo", "You are not in the authorized list."),
            ("norepo", 404, "RepoNotFound", "Repository not found"),
            ("noentry", 404, "EntryNotFound", "Entry not found"),
            ("norev", 404, "RevisionNotFound", "Invalid rev id"),
        ):
            if kind in a:
                self.error(status, code, msg)
                return True
        if "ratelimit" in a:
            self.reply(429, b"{}", {"Retry-After": "1"})
            return True
        if "status" in a:
            self.error(int(a["status"]), None, "injected")
            return True
        return False

    def reply(self, status, body=b"", headers=None):
        self.status_sent = status
        self.send_response(status)
        headers = dict(headers or {})
        headers.setdefault("Content-Type", "application/json")
        headers.setdefault("Content-Length", str(len(body)))
        for k, v in headers.items():
            self.send_header(k, v)
        self.end_headers()
        if self.command != "HEAD" and body:
            self.wfile.write(body)
            self.sent = len(body)

    def json(self, obj, status=200, headers=None):
        self.reply(status, json.dumps(obj).encode(), headers)

    def error(self, status, code, message, headers=None):
        h = dict(headers or {})
        h["X-Error-Message"] = message
        if code:
            h["X-Error-Code"] = code
        self.reply(status, json.dumps({"error": message}).encode(), h)

    # ---- control
    def control(self):
        st = self.server.state
        what = self.path_only[len("/_ctl/") :]
        if what == "log":
            with st.lock:
                return self.json(list(st.log))
        if what == "faults":
            new = [Fault(s) for s in json.loads(self.body or b"[]")]
            with st.lock:
                st.faults = new
            return self.json({"faults": len(new)})
        if what == "reset":
            with st.lock:
                st.log.clear()
            return self.json({})
        self.reply(404)

    # ---- the hub
    def access(self, repo):
        """None when allowed, else the error triple."""
        st, auth = self.server.state, self.headers.get("Authorization") or ""
        good = st.token and auth == f"Bearer {st.token}"
        if auth and st.token and not good:
            return 401, None, "Invalid credentials in Authorization header"
        if repo is None or (repo.meta.get("private") and not good):
            return (404 if good else 401), "RepoNotFound", "Repository not found"
        if repo.meta.get("disabled"):
            return 403, None, "Access to this resource is disabled."
        if repo.meta.get("gated") and not good:
            return 401, "GatedRepo", f"Access to model {repo.id} is restricted. You must have access to it and be authenticated."
        return None

    def dispatch(self, method):
        st, p = self.server.state, self.path_only
        if p.startswith("/cdn/"):
            for d in sorted(st.root.glob("*/*")) + sorted(st.root.glob("*")):
                if d.is_dir():
                    for f in Repo(st.root, d.relative_to(st.root).as_posix()).files.values():
                        if f["sha256"] == p[5:]:
                            return self.body_of(f, {"ETag": f'"{f["sha256"]}"'})
            return self.reply(404)
        m = re.match(r"^/api/models/(.+)$", p)
        if m:
            return self.api(m[1])
        m = re.match(r"^/([^/]+(?:/[^/]+)?)/(?:resolve|raw)/([^/]+(?:/pr/\d+)?)/(.+)$", p)
        if m:
            return self.resolve(m[1], m[2], m[3])
        self.error(404, None, "no such route")

    def resolve(self, repo_id, rev, rel):
        st = self.server.state
        repo = st.repo(repo_id)
        if (bad := self.access(repo)) is not None:
            return self.error(*bad)
        if rev not in ("main", repo.sha) and rev not in repo.meta.get("refs", {}):
            return self.error(404, "RevisionNotFound", f"Invalid rev id: {rev}", {})
        h = {} if "nocommit" in self.active else {"X-Repo-Commit": repo.sha}
        f = repo.files.get(rel)
        if f is None:
            return self.error(404, "EntryNotFound", "Entry not found", h)
        etag = f["sha256"] if f["lfs"] else f["blob"]
        if "noetag" not in self.active:
            h["ETag"] = f'"{etag}"'
            if f["lfs"]:
                h["X-Linked-Etag"] = f'"{f["sha256"]}"'
        if f["lfs"]:
            h["X-Linked-Size"] = str(f["size"])
            if st.cdn:
                h["Location"] = f"{st.cdn}/cdn/{f['sha256']}"
                return self.reply(302, b"", h)
        h["Content-Disposition"] = f'inline; filename="{os.path.basename(rel)}";'
        self.body_of(f, h)

    def body_of(self, f, h):
        a, size = self.active, f["size"]
        start, end, status = 0, size - 1, 200
        rng = re.match(r"bytes=(\d+)-(\d*)$", self.headers.get("Range") or "")
        if rng and "norange" not in a:
            start = int(rng[1])
            end = min(int(rng[2]), size - 1) if rng[2] else size - 1
            if start >= size:
                return self.reply(416, b"", {"Content-Range": f"bytes */{size}"})
            status, h["Content-Range"] = 206, f"bytes {start}-{end}/{size}"
        length = max(end - start + 1, 0)
        if "short" in a and self.command == "GET":
            length = min(length, int(a["short"]))
        h.update({"Accept-Ranges": "bytes", "Content-Length": str(length), "Content-Type": "application/octet-stream"})
        self.status_sent = status
        self.send_response(status)
        for k, v in h.items():
            self.send_header(k, v)
        self.end_headers()
        if self.command == "HEAD":
            return
        cut = min((int(a[k]) for k in ("truncate", "reset") if k in a), default=None)
        rate = float(a["rate"]) if "rate" in a else None
        flip = int(a["flip"]) if "flip" in a else None
        step = 65536 if not rate else max(1, min(65536, int(rate / 10)))
        with open(a.get("swap") or f["path"], "rb") as fh:
            fh.seek(start)
            while self.sent < length:
                if cut is not None and self.sent >= cut:
                    if "reset" in a:
                        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    self.close_connection = True
                    self.connection.close()
                    return
                want = min(step, length - self.sent, (cut - self.sent) if cut is not None else step)
                chunk = fh.read(want)
                if not chunk:
                    chunk = b"\0" * want
                at = start + self.sent
                if flip is not None and at <= flip < at + len(chunk):
                    chunk = bytearray(chunk)
                    chunk[flip - at] ^= 1
                self.wfile.write(chunk)
                self.sent += len(chunk)
                if rate:
                    time.sleep(len(chunk) / rate)

    def api(self, rest):
        repo_id, _, rev = rest.partition("/revision/")
        repo = self.server.state.repo(repo_id)
        if (bad := self.access(repo)) is not None:
            return self.error(*bad)
        if rev and rev not in ("main", repo.sha):
            return self.error(404, "RevisionNotFound", f"Invalid rev id: {rev}")
        self.json(self.info(repo))

    def info(self, repo):
        out = {
            "_id": repo.sha[:24],
            "id": repo.id,
            "modelId": repo.id,
            "sha": repo.sha,
            "private": bool(repo.meta.get("private")),
            "gated": "manual" if repo.meta.get("gated") else False,
            "disabled": bool(repo.meta.get("disabled")),
            "tags": repo.meta.get("tags", []),
            "downloads": 0,
            "likes": 0,
            "lastModified": "2026-01-01T00:00:00.000Z",
            "createdAt": "2026-01-01T00:00:00.000Z",
            "siblings": [{"rfilename": rel} for rel in repo.files],
        }
        if "card" in repo.meta:
            out["cardData"] = repo.meta["card"]
        if (self.query.get("blobs") or ["false"])[0].lower() in ("true", "1"):
            for s in out["siblings"]:
                f = repo.files[s["rfilename"]]
                s.update(size=f["size"], blobId=f["blob"])
                if f["lfs"]:
                    s["lfs"] = {"sha256": f["sha256"], "size": f["size"], "pointerSize": 130}
        return out


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], (ConnectionError, ValueError, OSError)):
            super().handle_error(request, client_address)


class FakeHub:
    """A Hub in this process: `with FakeHub(root, faults=["truncate=1000@GET:*.bin#1"]) as hub: hub.url, hub.log()`."""

    def __init__(self, root, token=None, port=0, cdn=None, faults=()):
        self.httpd = Server(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self.httpd.server_address[1]}"
        # the CDN must look like another host: huggingface_hub follows same-host redirects itself, and then loses the headers
        self.httpd.state = State(root, token, self.url.replace("127.0.0.1", "localhost") if cdn is True else cdn, faults)
        self.thread = threading.Thread(target=self.httpd.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *a):
        self.httpd.shutdown()
        self.httpd.server_close()

    def set_faults(self, specs):
        new = [Fault(s) for s in specs]
        with self.httpd.state.lock:
            self.httpd.state.faults = new

    def log(self, clear=False):
        with self.httpd.state.lock:
            out = list(self.httpd.state.log)
            if clear:
                self.httpd.state.log.clear()
        return out


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--root", required=True)
    ap.add_argument("--port", type=int, default=0)
    ap.add_argument("--token")
    ap.add_argument("--cdn", help="base URL of another fakehub to redirect LFS files to (own URL: 'self')")
    ap.add_argument("--fault", action="append", default=[])
    a = ap.parse_args()
    hub = FakeHub(a.root, a.token, a.port, True if a.cdn == "self" else a.cdn, a.fault)
    print(hub.url, flush=True)
    with suppress(KeyboardInterrupt):
        hub.httpd.serve_forever(0.2)


if __name__ == "__main__":
    main()
