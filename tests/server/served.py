"""Starts `swan serve` and talks to it."""

import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

FAKE = os.environ["SWAN_FAKE"]  # on the fake engine
PROGRAM = os.environ["SWAN_PROGRAM"]
SOURCE = pathlib.Path(__file__).resolve().parents[2]
LONG = os.environ.get("SWAN_TEST_LONG") == "1"  # as long as proofs need; else as CI has time for


class Server:
    """A running server. Its log is read once it has ended, or by log()."""

    def __init__(self, folder, *options, program=FAKE, step_ms=0, environment=None, port=0):
        self.folder = pathlib.Path(folder)
        settings = {**os.environ, "SWAN_FAKE_STEP_MS": str(step_ms), **(environment or {})}
        settings.pop("SWAN_API_KEYS", None) if not (environment or {}).get("SWAN_API_KEYS") else None
        self.log_path = self.folder / "log"
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [program, "serve", "--port", str(port), "--data-dir", str(self.folder / "data"), *map(str, options)],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, env=settings, text=True,
                preexec_fn=lambda: [signal.signal(s, signal.SIG_DFL) for s in (signal.SIGINT, signal.SIGTERM)])
        line = self.process.stdout.readline()
        if not line.startswith("Serving on "):
            self.process.wait()
            self.process.stdout.close()
            raise RuntimeError(f"it did not start: {line!r} {self.log()}")
        self.url = line.split()[2]
        self.port = int(self.url.rsplit(":", 1)[1])

    def log(self):
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def log_lines(self):
        return [json.loads(line) for line in self.log().splitlines()]

    def connection(self, timeout=60):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def raw(self, data, timeout=20):
        """Sends bytes as they are; what comes until the server closes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout) as s:
            s.sendall(data)
            answer = b""
            while piece := s.recv(65536):
                answer += piece
            return answer

    def ask(self, method, path, body=None, headers=None):
        """(status, headers, body); JSON becomes a value."""
        connection = self.connection()
        try:
            headers = dict(headers or {})
            if body is not None and not isinstance(body, (bytes, str)):
                body = json.dumps(body)
                headers.setdefault("Content-Type", "application/json")
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            data = answer.read()
            if answer.headers.get_content_type() == "application/json" and data:
                data = json.loads(data)
            return answer.status, answer.headers, data
        finally:
            connection.close()

    def wait(self, job, statuses=("succeeded", "failed", "cancelled"), headers=None):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            status, _, job = self.ask("GET", f"/v1/jobs/{job['id']}", headers=headers)
            if status != 200:
                raise AssertionError((status, job))
            if job["status"] in statuses:
                return job
            time.sleep(0.01)
        raise AssertionError(f"still {job['status']}")

    def events(self, url, last_id=None):
        """Yields (id, name, data) until the stream ends."""
        connection = self.connection()
        try:
            connection.request("GET", url, headers={"Last-Event-ID": str(last_id)} if last_id else {})
            answer = connection.getresponse()
            if answer.status != 200:
                raise AssertionError((answer.status, answer.read()))
            event = {}
            for line in answer:
                line = line.decode().rstrip("\n")
                if not line and "event" in event:
                    yield int(event["id"]), event["event"], json.loads(event["data"])
                    event = {}
                elif line and not line.startswith(":"):
                    name, _, value = line.partition(": ")
                    event[name] = value
        finally:
            connection.close()

    def memory(self):
        """Resident bytes."""
        with open(f"/proc/{self.process.pid}/statm", encoding="ascii") as f:
            return int(f.read().split()[1]) * os.sysconf("SC_PAGESIZE")

    def stop(self, number=signal.SIGTERM):
        """The exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(timeout=60)
        self.process.stdout.close()
        return code


class ServerTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="swan_serve_"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def serve(self, *options, **settings):
        server = Server(self.folder, *options, **settings)
        self.addCleanup(server.stop, signal.SIGKILL)
        return server
