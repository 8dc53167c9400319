"""A stand-in for `swan serve` that can be told to misbehave: the native API of docs/openapi.json as far as the page uses
it, with made-up pictures. The page's faults are tried on it (work_test.py), and by hand:

    python3 tests/server/page/stand_in.py --port 7861 --step 0.3
"""

import argparse
import base64
import functools
import json
import os
import random
import socket
import struct
import threading
import time
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

PAGE = Path(__file__).resolve().parents[3] / "apps/server/page"
TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8",
         ".svg": "image/svg+xml"}
# As apps/server/routes/page.cpp sends it.
POLICY = ("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
          "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
MODELS = [
    {"id": "sana", "kind": "image", "default": True,
     "defaults": {"width": 256, "height": 256, "num_inference_steps": 20, "guidance_scale": 4.5, "negative_prompt": True}},
    {"id": "sprint", "kind": "image", "default": False,
     "defaults": {"width": 1024, "height": 1024, "num_inference_steps": 2, "guidance_scale": 4.5, "negative_prompt": False}},
    {"id": "wan", "kind": "video", "default": True,
     "defaults": {"width": 832, "height": 480, "num_inference_steps": 50, "guidance_scale": 5, "num_frames": 81, "fps": 16,
                  "negative_prompt": True}},
]
CAPABILITIES = {
    "version": "0.0", "previews": True, "loras": ["crayon", "ink"],
    "limits": {"max_width": 2048, "max_height": 2048, "max_pixels": 2048 * 2048, "max_frames": 161, "max_video_pixels": 80_000_000, "max_steps": 100,
               "max_n": 8, "max_prompt_characters": 10000},
    "schedulers": [{"name": "dpmsolver++", "description": "of the second order"}, {"name": "flow-euler", "description": "Euler"}],
    "image_formats": ["png", "jpeg", "webp"], "video_formats": ["mp4", "webm", "webp", "gif"],
}
ENDS = {"succeeded": "done", "failed": "failed", "cancelled": "cancelled"}


@functools.lru_cache(maxsize=64)
def picture(width, height, seed):
    """A PNG: a gradient whose colours the seed decides."""
    r = random.Random(seed)
    corners = [[r.randrange(256) for _ in range(3)] for _ in range(3)]
    rows = bytearray()
    for y in range(height):
        rows.append(0)
        for x in range(width):
            rows += bytes((corners[0][c] * (width - x) // width + corners[1][c] * x // width + corners[2][c] * y // height) // 2
                          for c in range(3))
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(bytes(rows))) + chunk(b"IEND", b""))


class Job:
    def __init__(self, request):
        self.id = "job_" + "".join(random.choice("abcdefghijklmnopqrstuvwxyz234567") for _ in range(26))
        self.request = request
        self.status = "queued"
        self.created_at, self.started_at, self.finished_at = time.time(), None, None
        self.progress, self.position, self.error, self.results = None, None, None, []
        self.events = []  # (id, name, data); the latest of each kind, as the server keeps them

    def json(self):
        return {"id": self.id, "object": "job", "kind": self.request["kind"], "status": self.status,
                "model": self.request["model"], "created_at": self.created_at, "started_at": self.started_at,
                "finished_at": self.finished_at, "expires_at": self.finished_at and self.finished_at + 86400,
                "queue_position": self.position, "progress": self.progress, "request": self.request,
                "results": self.results, "error": self.error, "events_url": f"/v1/jobs/{self.id}/events?token=t"}


class StandIn:
    """The server; its attributes may be changed while it runs."""

    def __init__(self, port=0, step_seconds=0.0, key=None):
        self.step_seconds = step_seconds
        self.key = key
        self.models = MODELS
        self.refusals = []  # of the next POST /v1/jobs: (status, error, {header: value})
        self.cut_streams = 0  # how many streams end after their next event
        self.fail = None  # what running jobs fail with: an error object
        self.preview = None  # an address to send instead of previews
        self.result_url = None  # an address to name instead of the results'
        self.seen = []  # (method, path, headers) of every request
        self.connections = set()
        self.jobs = {}
        self.changed = threading.Condition()
        self.stopping = False
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                super().setup()
                stand_in.connections.add(self.connection)

            def finish(self):
                stand_in.connections.discard(self.connection)
                super().finish()

            def log_message(self, *_):
                pass

            def handle_one_request(self):
                try:
                    super().handle_one_request()
                except (ConnectionError, OSError):
                    self.close_connection = True

            def do_GET(self):
                stand_in.answer(self, "GET")

            def do_POST(self):
                stand_in.answer(self, "POST")

            def do_DELETE(self):
                stand_in.answer(self, "DELETE")

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                pass  # browsers hang up

        self.http = Server(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True).start()
        threading.Thread(target=self.work, daemon=True).start()

    def close(self):
        with self.changed:
            self.stopping = True
            self.changed.notify_all()
        self.http.shutdown()
        self.http.server_close()
        for connection in list(self.connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # its browser was faster

    # The engine

    def tell(self, job, name, data):
        with self.changed:
            number = max((event[0] for event in job.events), default=0) + 1
            job.events = [event for event in job.events if event[1] != name] + [(number, name, data)]
            self.changed.notify_all()

    def place(self):
        waiting = [job for job in self.jobs.values() if job.status == "queued"]
        for position, job in enumerate(waiting, 1):
            if job.position != position:
                job.position = position
                self.tell(job, "queued", {"queue_position": position})

    def finish(self, job, status):
        with self.changed:
            if job.status in ENDS:
                return
            job.status, job.position, job.finished_at = status, None, time.time()
            if status == "cancelled":
                job.error = {"message": "its client cancelled it", "type": "cancelled", "param": None, "code": "cancelled"}
            self.tell(job, ENDS[status], job.json())
            self.place()

    def work(self):
        while True:
            with self.changed:
                self.changed.wait_for(lambda: self.stopping or any(j.status == "queued" for j in self.jobs.values()))
                if self.stopping:
                    return
                job = next(j for j in self.jobs.values() if j.status == "queued")
                job.status, job.position, job.started_at = "running", None, time.time()
                self.tell(job, "started", {"started_at": job.started_at, "batch": 1})
                self.place()
            self.make(job)

    def make(self, job):
        request = job.request
        width, height, steps = request["width"], request["height"], request["num_inference_steps"]
        for step in range(1, steps + 1):
            with self.changed:
                if self.changed.wait_for(lambda: self.stopping or job.status in ENDS or self.fail, self.step_seconds):
                    break
            job.progress = {"stage": "denoise", "step": step, "steps": steps, "fraction": step / (steps + 1),
                            "eta_seconds": (steps - step) * self.step_seconds}
            self.tell(job, "progress", job.progress)
            small = picture(32, max(1, 32 * height // width), request["seed"])
            self.tell(job, "preview", {"step": step, "steps": steps,
                                       "image": self.preview or "data:image/png;base64," + base64.b64encode(small).decode()})
        if self.stopping:
            return
        if self.fail and job.status not in ENDS:
            job.error = self.fail
            return self.finish(job, "failed")
        job.results = self.results(job)
        self.finish(job, "succeeded")

    def results(self, job):
        request = job.request
        return [
            {"index": i, "url": self.result_url or f"/v1/results/{job.id}/{i}?token=t", "content_type": "image/png",
             "bytes": 1234, "width": request["width"], "height": request["height"], "seed": request["seed"] + i,
             "parameters": {"guidance_scale": request["guidance_scale"], "num_inference_steps": request["num_inference_steps"],
                            "scheduler": "dpmsolver++"}}
            for i in range(request.get("n", 1))]

    # HTTP

    def answer(self, http, method):
        url = urlsplit(http.path)
        query = {name: values[-1] for name, values in parse_qs(url.query).items()}
        self.seen.append((method, url.path, dict(http.headers)))
        body = http.rfile.read(int(http.headers.get("Content-Length", 0)))
        if url.path == "/" or url.path.startswith("/page/"):
            file = PAGE / ("index.html" if url.path == "/" else os.path.basename(url.path))
            if not file.is_file():
                return self.refuse(http, 404, "not_found", "there is no such file")
            return self.send(http, 200, file.read_bytes(), TYPES[file.suffix], {"Content-Security-Policy": POLICY})
        parts = url.path.strip("/").split("/")
        if parts[:2] == ["v1", "results"]:
            job = self.jobs.get(parts[2])
            if job is None:
                return self.refuse(http, 404, "job_not_found", "there is no such job")
            result = job.results[int(parts[3])]
            scale = max(1, max(result["width"], result["height"]) // 128)  # Python is slow
            return self.send(http, 200, picture(result["width"] // scale, result["height"] // scale, result["seed"]), "image/png")
        if self.key and http.headers.get("Authorization") != f"Bearer {self.key}":
            return self.refuse(http, 401, "invalid_api_key", "an API key is needed: Authorization: Bearer KEY")
        if url.path == "/v1/models":
            models = [{"object": "model", "created": 0, "owned_by": "swan", "loaded": True, **model} for model in self.models]
            return self.json(http, 200, {"object": "list", "data": models})
        if url.path == "/v1/capabilities":
            return self.json(http, 200, CAPABILITIES)
        if url.path == "/v1/jobs":
            return self.create(http, json.loads(body)) if method == "POST" else self.list(http, query)
        job = self.jobs.get(parts[2]) if parts[:2] == ["v1", "jobs"] and len(parts) > 2 else None
        if job is None:
            return self.refuse(http, 404, "job_not_found", "there is no such job, or it is another client's, or it has expired")
        if parts[3:] == ["events"]:
            return self.stream(http, job)
        if parts[3:] == ["cancel"]:
            self.finish(job, "cancelled")
        elif method == "DELETE":
            self.finish(job, "cancelled")
            del self.jobs[job.id]
            return self.json(http, 200, {"id": job.id, "object": "job.deleted", "deleted": True})
        return self.json(http, 200, job.json())

    def create(self, http, request):
        if self.refusals:
            status, error, headers = self.refusals.pop(0)
            return self.json(http, status, {"error": error}, headers)
        request.setdefault("seed", random.randrange(2**53))
        job = Job(request)
        with self.changed:
            self.jobs[job.id] = job
            self.place()
            self.changed.notify_all()
            answer = job.json()
        return self.json(http, 202, answer)

    def list(self, http, query):
        jobs = sorted(self.jobs.values(), key=lambda job: -job.created_at)
        if "after" in query:
            jobs = jobs[[job.id for job in jobs].index(query["after"]) + 1:]
        limit = int(query.get("limit", 20))
        page = jobs[:limit]
        return self.json(http, 200, {
            "object": "list", "data": [job.json() for job in page], "has_more": len(jobs) > limit,
            "first_id": page[0].id if page else None, "last_id": page[-1].id if page else None})

    def stream(self, http, job):
        after = int(http.headers.get("Last-Event-ID", 0))
        http.send_response(200)
        http.send_header("Content-Type", "text/event-stream")
        http.send_header("Connection", "close")
        http.end_headers()
        http.close_connection = True
        http.wfile.write(b"retry: 2000\n\n: comment\r\n\r\n")
        while True:
            with self.changed:
                news = [event for event in job.events if event[0] > after]
                if not news:
                    if job.status in ENDS or self.stopping:
                        return
                    self.changed.wait(0.5)
                    continue
            for number, name, data in news:
                http.wfile.write(f"id: {number}\nevent: {name}\ndata: {json.dumps(data)}\n\n".encode())
                http.wfile.flush()
                after = number
                if self.cut_streams > 0:
                    self.cut_streams -= 1
                    return
                if name in ENDS.values():
                    return

    def send(self, http, status, body, content_type, headers=None):
        http.send_response(status)
        http.send_header("Content-Type", content_type)
        http.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            http.send_header(name, value)
        http.end_headers()
        http.wfile.write(body)

    def json(self, http, status, value, headers=None):
        self.send(http, status, json.dumps(value).encode(), "application/json", headers)

    def refuse(self, http, status, code, message):
        self.json(http, status, {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}})


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--step", type=float, default=0.2, help="seconds a step")
    parser.add_argument("--key")
    options = parser.parse_args()
    print(StandIn(options.port, options.step, options.key).url, flush=True)
    threading.Event().wait()
