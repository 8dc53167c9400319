"""Malformed HTTP, byte by byte, on the fake engine: the server answers 4xx or hangs up, and goes on.

SWAN_TEST_LONG=1 for 20,000 inputs instead of some hundreds."""

import random
import socket
import time
import unittest

from served import LONG, ServerTest

CASES = 20000 if LONG else 400

SEEDS = [
    b"GET /v1/jobs?limit=2 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    b"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n"
    b"Content-Length: 33\r\n\r\n{\"prompt\": \"x\", \"num_frames\": 12}",
    b"POST /v1/videos HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: multipart/form-data; boundary=b\r\n"
    b"Content-Length: 86\r\n\r\n--b\r\nContent-Disposition: form-data; name=\"prompt\"\r\n\r\nx\r\n--b--\r\n                  ",
    b"GET /v1/results/job_aaaaaaaaaaaaaaaaaaaaaaaaaa/0 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    b"Range: bytes=0-1\r\n\r\n",
    b"POST /sdapi/v1/txt2img HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n"
    b"Content-Length: 20\r\n\r\n{\"steps\": 1, \"a\": []}",
]
PIECES = [b"\r\n", b"\n", b"\r", b"\0", b"%", b"%00", b"%2e%2e%2f", b"../", b":", b"\xff", b"\xc3\x28", b"Transfer-Encoding: chunked\r\n",
          b"Content-Length: 5\r\n", b"Content-Length: -1\r\n", b"Expect: 100-continue\r\n", b"HTTP/1.0", b"{", b"[" * 50, b'"', b"1e999",
          b"\\ud800", b"--b", b"99999999999999999999", b" ", b"\t", b"?", b"#", b"&" * 20, b"\r\n\r\n", b"A" * 3000]


def mutated(rng):
    data = bytearray(rng.choice(SEEDS))
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(data) + 1)
        kind = rng.randrange(6)
        if kind == 0 and at < len(data):
            data[at] = rng.randrange(256)
        elif kind == 1:
            del data[at:at + rng.randint(1, 20)]
        elif kind == 2:
            data[at:at] = rng.choice(PIECES)
        elif kind == 3:
            data[at:at] = data[at:at + rng.randint(1, 60)]
        elif kind == 4:
            data[at:at] = bytes(rng.randrange(256) for _ in range(rng.randint(1, 8)))
        else:
            data = data[:max(1, at)]
    return bytes(data)


class Fuzz(ServerTest):
    def test_it_survives(self):
        server = self.serve("--log-level", "error", "--max-queue", 10000, "--max-queue-per-client", 10000)
        rng = random.Random(7)
        statuses = {}
        memory = None
        for number in range(CASES):
            data = mutated(rng)
            with socket.create_connection(("127.0.0.1", server.port), timeout=20) as s:
                s.sendall(data)
                s.shutdown(socket.SHUT_WR)  # nothing more will come: what is cut short ends at once
                answer = b""
                try:
                    while piece := s.recv(65536):
                        answer += piece
                except ConnectionResetError:
                    pass
            status = answer[9:12].decode() if answer.startswith(b"HTTP/1.1 ") else "none" if not answer else "garbage"
            statuses[status] = statuses.get(status, 0) + 1
            self.assertNotIn(status, ("500", "garbage"), (number, data, answer))
            if number == CASES // 3:
                memory = server.memory()
        print(f"{CASES} inputs: {dict(sorted(statuses.items()))}; memory {memory / 2**20:.1f} MiB after a third, "
              f"{server.memory() / 2**20:.1f} at the end")
        self.assertIsNone(server.process.poll())
        self.assertEqual(server.ask("GET", "/healthz")[0], 200)
        self.assertGreater(len(statuses), 3, statuses)
        self.assertEqual(server.stop(), 0)

    def test_slow_clients_do_not_keep_others_out(self):
        server = self.serve("--max-connections", 32)
        slow = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(20)]
        for s in slow:
            s.sendall(b"GET /healthz HTTP/1.1\r\nHost:")
        began = time.monotonic()
        self.assertEqual(server.ask("GET", "/healthz")[0], 200)
        self.assertLess(time.monotonic() - began, 2)
        for s in slow:
            s.close()


if __name__ == "__main__":
    unittest.main()
