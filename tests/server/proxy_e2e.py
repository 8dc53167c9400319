"""The configurations of docs/SERVER.md for nginx and Caddy, run as they stand there but for names, ports and certificates.

Skipped where the programs are not there: `./dev` does not install them, since Debian's packages start them as services."""

import http.client
import json
import re
import shutil
import socket
import ssl
import subprocess
import time
import unittest

from served import SOURCE, ServerTest

NAME = "swan.example.org"


def documented(language, first_words):
    """The block of the document that begins so."""
    text = (SOURCE / "docs/SERVER.md").read_text(encoding="utf-8")
    block = re.search(rf"```{language}\n({re.escape(first_words)}.*?)```", text, re.DOTALL)
    assert block, first_words
    return block.group(1)


def replaced(text, *pairs):
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    return text


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Proxy(ServerTest):
    def setUp(self):
        super().setUp()
        self.port = free_port()
        self.server = self.serve("--behind-proxy", "--insecure", "--allowed-host", NAME, step_ms=40)
        self.trust = ssl.create_default_context()
        self.trust.check_hostname = False
        self.trust.verify_mode = ssl.CERT_NONE

    def run_proxy(self, command, log):
        with open(self.folder / log, "wb") as output:
            process = subprocess.Popen(command, stdout=output, stderr=output,
                                       env={"PATH": "/usr/bin:/bin", "HOME": str(self.folder)})
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                return self.ask("GET", "/healthz")
            except OSError:
                self.assertIsNone(process.poll(), (self.folder / log).read_text())
                time.sleep(0.05)
        raise AssertionError((self.folder / log).read_text())

    def connection(self):
        raw = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        connection = http.client.HTTPConnection(NAME)
        connection.sock = self.trust.wrap_socket(raw, server_hostname=NAME)
        return connection

    def ask(self, method, path, body=None, **headers):
        connection = self.connection()
        try:
            if body is not None:
                headers["Content-Type"] = "application/json"
            connection.request(method, path, body if isinstance(body, (bytes, type(None))) else json.dumps(body), headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def check(self):
        # A page of this name may ask, and answers name it as the client does.
        status, answer = self.ask("POST", "/v1/images/generations",
                                  {"prompt": "x", "num_inference_steps": 1, "response_format": "url"},
                                  Origin=f"https://{NAME}")
        self.assertEqual(status, 200, answer)
        url = json.loads(answer)["data"][0]["url"]
        self.assertTrue(url.startswith(f"https://{NAME}/v1/"), url)
        status, picture = self.ask("GET", url.removeprefix(f"https://{NAME}"))
        self.assertEqual((status, picture[:5]), (200, b"64x64"))  # the fake engine's picture
        self.assertEqual(self.ask("POST", "/v1/jobs", {"prompt": "x"}, Origin="https://evil.example")[0], 403)

        # Events come as they happen: the first ones while the job runs.
        job = json.loads(self.ask("POST", "/v1/jobs", {"prompt": "x", "num_inference_steps": 20})[1])
        connection = self.connection()
        self.addCleanup(connection.close)
        connection.request("GET", job["events_url"])
        times = [time.monotonic() for line in connection.getresponse() if line.startswith(b"event: ")]
        self.assertGreater(len(times), 5)
        self.assertGreater(times[-1] - times[0], 0.3)

        # Who asks is known, and what they claim to be is not believed.
        self.ask("GET", "/v1/models", **{"X-Forwarded-For": "203.0.113.9"})
        clients, deadline = set(), time.monotonic() + 20
        while not clients and time.monotonic() < deadline:  # it is logged once it is answered
            clients = {line["client"] for line in self.server.log_lines() if line.get("path") == "/v1/models"}
        self.assertEqual(clients, {"127.0.0.1"})

        # Large bodies are refused, by whichever is first.
        try:
            status = self.ask("POST", "/v1/jobs", b" " * (2 << 20))[0]
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            status = 413  # refused while it was still sent
        self.assertEqual(status, 413)
        self.assertEqual(self.ask("GET", "/readyz")[0], 200)

    @unittest.skipUnless(shutil.which("nginx", path="/usr/sbin:/usr/bin"), "nginx is not installed")
    def test_nginx(self):
        certificate, key = self.folder / "swan.pem", self.folder / "swan.key"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", f"/CN={NAME}",
                        "-out", certificate, "-keyout", key], check=True, capture_output=True)
        site = replaced(documented("nginx", "server {"), ("listen 443 ssl", f"listen 127.0.0.1:{self.port} ssl"),
                        ("/etc/ssl/swan.pem", str(certificate)), ("/etc/ssl/swan.key", str(key)),
                        ("127.0.0.1:7860", f"127.0.0.1:{self.server.port}"))
        paths = "".join(f"{kind}_temp_path {self.folder}/{kind};\n"
                        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (self.folder / "nginx.conf").write_text(
            f"daemon off;\npid {self.folder}/nginx.pid;\nevents {{}}\nhttp {{\naccess_log off;\n{paths}{site}}}\n")
        nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin")
        self.run_proxy([nginx, "-e", "stderr", "-p", str(self.folder), "-c", "nginx.conf"], "nginx.log")
        self.check()

    @unittest.skipUnless(shutil.which("caddy"), "caddy is not installed")
    def test_caddy(self):
        site = replaced(documented("", f"{NAME} {{"), (f"{NAME} {{", f"https://{NAME}:{self.port} {{\n  tls internal"),
                        ("127.0.0.1:7860", f"127.0.0.1:{self.server.port}"))
        options = f"admin off\nauto_https disable_redirects\nskip_install_trust\nstorage file_system {self.folder}/caddy\n"
        (self.folder / "Caddyfile").write_text(f"{{\n{options}}}\n{site}")
        self.run_proxy(["caddy", "run", "--adapter", "caddyfile", "--config", str(self.folder / "Caddyfile")], "caddy.log")
        self.check()


if __name__ == "__main__":
    unittest.main()
