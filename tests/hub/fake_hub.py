"""A model hub on loopback for tests: the protocol of Hugging Face's, as huggingface_hub 2.4 and git-lfs speak it, with
faults on demand. Standard library only.

Large files (LFS) are served by a second server on another port, which stands for the hub's content network: the first
one redirects there with a signed address, and the token must not follow."""

import base64
import contextlib
import fnmatch
import hashlib
import http.server
import json
import re
import socket
import threading
import time
import urllib.parse

TOKEN = "hf_the_right_token"


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def git_sha1(data):
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


class Repo:
    """A model: commits of {path: bytes}, and what branches and tags are."""

    def __init__(self, files=None, private=False, gated=False):
        self.private, self.gated = private, gated
        self.commits, self.refs, self.messages = {}, {}, []
        self.commit("main", files or {})

    def commit(self, branch, files, message="initial"):
        text = json.dumps([branch, message, sorted((p, sha256(d)) for p, d in files.items()), len(self.commits)])
        sha = hashlib.sha1(text.encode()).hexdigest()
        self.commits[sha] = dict(files)
        self.refs[branch] = sha
        self.messages.append(message)
        return sha

    def sha(self, revision):
        return revision if revision in self.commits else self.refs.get(revision)


class Fault:
    """What goes wrong with the next requests that fit.

    what: a pattern of "METHOD /path"; times: how often, None for ever; skip: how many go well before
    status, headers, body: the answer instead;  cut: close after so many bytes of content;  slow: seconds a MiB
    spoil: wrong bytes;  no_ranges: everything with 200;  endless: more bytes than said;  silent: no answer at all
    """

    def __init__(self, what, times=1, skip=0, **how):
        self.what, self.times, self.skip, self.how, self.used = what, times, skip, how, 0

    def fits(self, line):
        if self.times == 0 or not fnmatch.fnmatchcase(line, self.what):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.times is not None:
            self.times -= 1
        self.used += 1
        return True


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, hub, name):
        self.hub, self.name = hub, name
        super().__init__(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request, client_address):
        pass  # clients that are killed or cancelled go away


class FakeHub:
    """with FakeHub() as hub: hub.repos["org/name"] = Repo({...}); run something with HF_ENDPOINT=hub.endpoint"""

    def __init__(self, lfs=("*.safetensors", "*.gguf", "*.bin", "*.png", "*.mp4"), page=1000, chunk_size=None):
        self.repos, self.faults, self.lfs, self.page = {}, [], lfs, page
        self.chunk_size = chunk_size  # uploads larger than this come in parts
        self.objects, self.parts = {}, {}  # content by sha256; parts by (oid, number)
        self.extra_tree = []  # entries that trees have besides
        self.omit_commit_header = False
        self.prefix = ""  # "/hf": where on its server the hub is, as a company's mirror has it
        self.requests = []  # (server, "METHOD /path", headers)
        self.lock = threading.Lock()

    def __enter__(self):
        self.main, self.cdn = Server(self, "hub"), Server(self, "cdn")
        self.address = self.main.address
        for server in (self.main, self.cdn):
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_):
        for server in (self.main, self.cdn):
            server.shutdown()
            server.server_close()

    @property
    def endpoint(self):
        return self.address + self.prefix

    def is_lfs(self, path):
        return any(fnmatch.fnmatchcase(path, pattern) for pattern in self.lfs)

    def fault(self, what, times=1, skip=0, **how):
        fault = Fault(what, times, skip, **how)
        self.faults.append(fault)
        return fault

    def lines(self, server=None):
        return [line for name, line, _ in self.requests if server in (None, name)]

    def content_requests(self):
        """Requests that carried content of files."""
        return [line for line in self.lines() if line.startswith("GET") and ("/resolve/" in line or "/blob/" in line)]

    @contextlib.contextmanager
    def counted(self):
        """The requests of a block: with hub.counted() as lines: ..."""
        before = len(self.requests)
        lines = []
        yield lines
        lines += [line for _, line, _ in self.requests[before:]]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = 1 << 16

    def log_message(self, *_):
        pass

    # What clients ask

    def do_HEAD(self):
        self.dispatch()

    def do_GET(self):
        self.dispatch()

    def do_POST(self):
        self.dispatch()

    def do_PUT(self):
        self.dispatch()

    def dispatch(self):
        hub = self.server.hub
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        line = f"{self.command} {self.path}"
        with hub.lock:
            hub.requests.append((self.server.name, line, dict(self.headers)))
            self.fault = next((f.how for f in hub.faults if f.fits(line)), {})
        if self.fault.get("silent"):
            time.sleep(self.fault["silent"])
            self.close_connection = True
            return
        if "status" in self.fault:
            self.answer(self.fault["status"], self.fault.get("body", b""), self.fault.get("headers", {}))
            return
        if self.server.name == "hub":
            if not self.path.startswith(hub.prefix):
                self.answer(404)
                return
            self.path = self.path.removeprefix(hub.prefix)
        url = urllib.parse.urlsplit(self.path)
        self.query = dict(urllib.parse.parse_qsl(url.query))
        path = urllib.parse.unquote(url.path)
        if self.server.name == "cdn":
            self.serve_cdn(path)
            return
        for method, pattern, serve in ROUTES:
            found = re.fullmatch(pattern, url.path) if self.command == method else None
            if found:
                serve(self, *map(urllib.parse.unquote, found.groups()))
                return
        self.error(404, "NotFound", f"no such address: {path}")

    # Answers

    def answer(self, status, body=b"", headers=None):
        self.send_response(status)
        for name, value in (headers or {}).items():
            for line in [value] if isinstance(value, str) else value:
                self.send_header(name, line)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()

    def json(self, value, status=200, headers=None):
        self.answer(status, json.dumps(value).encode(), {"Content-Type": "application/json", **(headers or {})})

    def error(self, status, code, message, headers=None):
        self.json({"error": message}, status, {"X-Error-Code": code, "X-Error-Message": message, **(headers or {})})

    def content(self, data, headers, etag):
        """A file's bytes, or the range that is asked for, with the fault of the request."""
        headers = {"ETag": f'"{etag}"', **headers}
        begin, end, status = 0, len(data), 200
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        if not self.fault.get("no_ranges"):
            headers["Accept-Ranges"] = "bytes"
            if asked:
                begin = int(asked[1])
                end = min(int(asked[2]) + 1, len(data)) if asked[2] else len(data)
                if begin >= len(data):
                    self.answer(416, b"", {"Content-Range": f"bytes */{len(data)}"})
                    return
                status = 206
                headers["Content-Range"] = f"bytes {begin}-{end - 1}/{len(data)}"
        part = data[begin:end]
        if self.fault.get("spoil") and part:
            part = bytes([part[0] ^ 1]) + part[1:]
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        endless = self.fault.get("endless")
        if endless:
            self.send_header("Connection", "close")
            self.close_connection = True
        else:
            self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        if self.command == "HEAD":
            self.wfile.flush()
            return
        cut = self.fault.get("cut")
        if cut is not None:
            self.wfile.write(part[:cut])
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
            return
        slow = self.fault.get("slow")
        step = 1 << 17 if slow else max(len(part), 1)
        for at in range(0, len(part), step):
            self.wfile.write(part[at:at + step])
            if slow:
                self.wfile.flush()
                time.sleep(slow / 8)
        if endless:
            for _ in range(endless):
                self.wfile.write(bytes(1 << 16))
        self.wfile.flush()

    # Who may

    def repo(self, name, write=False, content=False):
        """The model, or None when the answer has been sent: as the hub, a private model is not there for strangers."""
        repo = self.server.hub.repos.get(name)
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        if token and token != TOKEN:
            self.error(401, "", "Invalid credentials in Authorization header")
        elif write and not token:
            self.error(401, "", "Unauthorized")
        elif repo is None or (repo.private and not token):
            self.error(404 if token else 401, "RepoNotFound", "Repository not found")
        elif content and repo.gated and not (token and repo.gated == "accepted"):
            self.error(403 if token else 401, "GatedRepo", f"Access to model {name} is restricted")
        else:
            return repo
        return None

    def commit_of(self, repo, revision):
        sha = repo.sha(revision)
        if sha is None:
            self.error(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return sha

    # Reading

    def model_info(self, name, revision="main"):
        repo = self.repo(name)
        sha = repo and self.commit_of(repo, revision)
        if sha:
            self.json({"id": name, "sha": sha, "private": repo.private, "gated": bool(repo.gated),
                       "siblings": [{"rfilename": path} for path in repo.commits[sha]]})

    def tree(self, name, revision, folder=""):
        hub = self.server.hub
        repo = self.repo(name)
        sha = repo and self.commit_of(repo, revision)
        if not sha:
            return
        entries, folders = [], set()
        for path, data in sorted(repo.commits[sha].items()):
            parts = path.split("/")
            for depth in range(1, len(parts)):
                above = "/".join(parts[:depth])
                if above not in folders:
                    folders.add(above)
                    entries.append({"type": "directory", "oid": "0" * 40, "size": 0, "path": above})
            entry = {"type": "file", "oid": git_sha1(data), "size": len(data), "path": path}
            if hub.is_lfs(path):
                pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256(data)}\nsize {len(data)}\n"
                entry["oid"] = git_sha1(pointer.encode())
                entry["lfs"] = {"oid": sha256(data), "size": len(data), "pointerSize": len(pointer)}
            entries.append(entry)
        entries += hub.extra_tree
        at = int(self.query.get("cursor", 0))
        headers = {}
        if at + hub.page < len(entries):
            query = urllib.parse.urlencode({**self.query, "cursor": at + hub.page})
            link = f'<{hub.endpoint}{urllib.parse.urlsplit(self.path).path}?{query}>; rel="next"'
            headers["Link"] = [link, f"<{hub.cdn.address}>; rel=preconnect"]  # as a content network adds it
        self.json(entries[at:at + hub.page], headers=headers)

    def resolve(self, name, revision, path):
        hub = self.server.hub
        repo = self.repo(name, content=True)
        sha = repo and self.commit_of(repo, revision)
        if not sha:
            return
        headers = {} if hub.omit_commit_header else {"X-Repo-Commit": sha}
        data = repo.commits[sha].get(path)
        if data is None:
            self.error(404, "EntryNotFound", "Entry not found", headers)
        elif hub.is_lfs(path):
            oid = sha256(data)
            hub.objects[oid] = data
            location = f"{hub.cdn.address}/blob/{oid}?X-Signature=secret"
            self.answer(302, b"Found. Redirecting", {**headers, "Location": location, "X-Linked-ETag": f'"{oid}"',
                                                     "X-Linked-Size": str(len(data))})
        else:
            self.content(data, headers, git_sha1(data))

    def serve_cdn(self, path):
        hub = self.server.hub
        if self.headers.get("Authorization"):
            self.answer(400, b"only one auth mechanism is allowed")
        elif self.command == "PUT":
            self.put(path)
        elif path.startswith("/blob/"):
            data = hub.objects.get(path.removeprefix("/blob/"))
            self.answer(404) if data is None else self.content(data, {}, "of-the-network")
        else:
            self.answer(404)

    # Writing

    def create(self):
        hub = self.server.hub
        asked = json.loads(self.body)
        name = f"{asked.get('organization') or 'me'}/{asked['name']}"
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        if token != TOKEN:
            self.error(401, "", "Unauthorized" if not token else "Invalid credentials in Authorization header")
        elif name in hub.repos:
            self.error(409, "", "You already created this model repo")
        elif asked.get("organization") == "others":
            self.error(403, "", "You don't have the rights to create a model under the namespace \"others\"")
        else:
            hub.repos[name] = Repo({".gitattributes": b"*.safetensors filter=lfs diff=lfs merge=lfs -text\n"},
                                   private=asked.get("visibility") == "private" or asked.get("private") is True)
            self.json({"url": f"{hub.endpoint}/{name}", "name": name})

    def validate_yaml(self):  # huggingface_hub asks before it uploads a README
        self.json({"errors": [], "warnings": []})

    def branch(self, name, branch):
        repo = self.repo(name, write=True)
        if repo:
            repo.refs[branch] = repo.refs["main"]
            self.json({})

    def preupload(self, name, revision):
        hub = self.server.hub
        repo = self.repo(name, write=True)
        sha = repo and self.commit_of(repo, revision)
        if not sha:
            return
        answers = []
        for file in json.loads(self.body)["files"]:
            old = repo.commits[sha].get(file["path"])
            lfs = hub.is_lfs(file["path"])
            base64.b64decode(file["sample"], validate=True)
            answers.append({"path": file["path"], "uploadMode": "lfs" if lfs else "regular",
                            "shouldIgnore": file["path"].endswith(".ignored"),
                            "oid": None if old is None else sha256(old) if lfs else git_sha1(old)})
        self.json({"files": answers})

    def lfs_batch(self, name):
        hub = self.server.hub
        if not self.repo(name, write=True):
            return
        asked = json.loads(self.body)
        assert asked["operation"] == "upload" and asked["hash_algo"] == "sha256", asked
        objects = []
        for item in asked["objects"]:
            entry = {"oid": item["oid"], "size": item["size"]}
            if item["oid"] not in hub.objects:
                upload = {"href": f"{hub.cdn.address}/put/{item['oid']}?X-Signature=secret", "header": {}}
                if hub.chunk_size and item["size"] > hub.chunk_size:
                    count = -(-item["size"] // hub.chunk_size)
                    upload["header"] = {"chunk_size": str(hub.chunk_size),
                                        **{str(n): f"{hub.cdn.address}/part/{item['oid']}/{n}?X-Signature=secret"
                                           for n in range(1, count + 1)}}
                    upload["href"] = f"{hub.endpoint}/complete/{item['oid']}"
                entry["actions"] = {"upload": upload, "verify": {"href": f"{hub.endpoint}/verify/{name}"}}
            objects.append(entry)
        self.json({"transfer": "basic", "objects": objects})

    def put(self, path):
        hub = self.server.hub
        kind, oid, *number = path.strip("/").split("/")
        if kind == "put":
            if sha256(self.body) != oid:
                self.answer(400, b"wrong content")
                return
            hub.objects[oid] = self.body
            self.answer(200)
        else:
            hub.parts[oid, int(number[0])] = self.body
            self.answer(200, b"", {"ETag": f'"part-{number[0]}-{len(self.body)}"'})

    def complete(self, oid):
        hub = self.server.hub
        asked = json.loads(self.body)
        parts = []
        for part in asked["parts"]:
            data = hub.parts.get((oid, part["partNumber"]), b"")
            if part["etag"].strip('"') != f"part-{part['partNumber']}-{len(data)}":
                self.answer(400, b"wrong etag")
                return
            parts.append(data)
        if sha256(b"".join(parts)) != oid:
            self.answer(400, b"wrong content")
            return
        hub.objects[oid] = b"".join(parts)
        self.json({"success": True})

    def verify(self, name):
        asked = json.loads(self.body)
        data = self.server.hub.objects.get(asked["oid"])
        if self.repo(name, write=True):
            ok = data is not None and len(data) == asked["size"]
            self.json({} if ok else {"error": "not uploaded"}, 200 if ok else 404)

    def post_commit(self, name, revision):
        hub = self.server.hub
        repo = self.repo(name, write=True)
        sha = repo and self.commit_of(repo, revision)
        if not sha:
            return
        files, message = dict(repo.commits[sha]), ""
        for line in self.body.decode().splitlines():
            entry = json.loads(line)
            value = entry["value"]
            if entry["key"] == "header":
                message = value["summary"]
            elif entry["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"], validate=True)
            elif entry["key"] == "lfsFile":
                if value["oid"] not in hub.objects:
                    self.error(400, "", f"LFS pointer pointed to a file that does not exist: {value['path']}")
                    return
                files[value["path"]] = hub.objects[value["oid"]]
        target, pull_request = revision, None
        if self.query.get("create_pr"):
            target = f"refs/pr/{1 + sum(ref.startswith('refs/pr/') for ref in repo.refs)}"
            pull_request = f"{hub.endpoint}/{name}/discussions/{target.rsplit('/', 1)[1]}"
        new = repo.commit(target, files, message)
        self.json({"success": True, "commitOid": new, "commitUrl": f"{hub.endpoint}/{name}/commit/{new}",
                   "pullRequestUrl": pull_request})


NAME = r"([^/]+/[^/]+)"
ROUTES = [
    ("GET", rf"/api/models/{NAME}", Handler.model_info),
    ("GET", rf"/api/models/{NAME}/revision/([^/]+)", Handler.model_info),
    ("GET", rf"/api/models/{NAME}/tree/([^/]+)(?:/.*)?", Handler.tree),
    ("GET", rf"/{NAME}/resolve/([^/]+)/(.+)", Handler.resolve),
    ("HEAD", rf"/{NAME}/resolve/([^/]+)/(.+)", Handler.resolve),
    ("POST", r"/api/repos/create", Handler.create),
    ("POST", r"/api/validate-yaml", Handler.validate_yaml),
    ("POST", rf"/api/models/{NAME}/branch/([^/]+)", Handler.branch),
    ("POST", rf"/api/models/{NAME}/preupload/([^/]+)", Handler.preupload),
    ("POST", rf"/{NAME}\.git/info/lfs/objects/batch", Handler.lfs_batch),
    ("POST", r"/complete/([0-9a-f]+)", Handler.complete),
    ("POST", rf"/verify/{NAME}", Handler.verify),
    ("POST", rf"/api/models/{NAME}/commit/([^/]+)", Handler.post_commit),
]
