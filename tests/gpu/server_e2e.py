"""`swan serve` on a GPU: its pictures are the command line's, whatever else it does meanwhile. Run by tests/gpu/run.sh.

SWAN_PROGRAM: the program. SWAN_TEST_IMAGE_MODEL: a model for pictures instead of the embedded one's folder."""

import base64
import collections
import os
import pathlib
import subprocess
import sys
import threading
import time
import unittest

TESTS = pathlib.Path(__file__).resolve().parents[1]
os.environ.setdefault("SWAN_FAKE", "")
sys.path[:0] = [str(TESTS / "server"), str(TESTS / "cli")]
from served import PROGRAM, ServerTest  # noqa: E402
from swan_program import read_png  # noqa: E402

WAN = TESTS / "golden/models/wan"
IMAGE_MODEL = os.environ.get("SWAN_TEST_IMAGE_MODEL", TESTS.parent / "models/swan-emoji-256")
CACHE_OFF = {"SWAN_EMBED_CACHE": "off"}
STEPS = 30
# Of 255. A batch's products are computed by other kernels than one picture's, and rounded to bf16 between them.
BATCH_TOLERANCE = 24
BATCH_MEAN_TOLERANCE = 1.0


class GpuServer(ServerTest):
    def setUp(self):
        super().setUp()
        self.server = self.serve("--device", "cuda", "--model", f"image={IMAGE_MODEL}", "--model", f"wan={WAN}",
                                 "--preview-interval", "0.05", "--rate-limit", "0", program=PROGRAM, environment=CACHE_OFF)

    def picture(self, data):
        path = self.folder / "picture.png"
        path.write_bytes(data)
        return read_png(path)

    def submit(self, seed, **more):
        status, _, job = self.server.ask("POST", "/v1/jobs", {"model": "image", "prompt": "a red apple", "seed": seed,
                                                              "num_inference_steps": STEPS, **more})
        self.assertEqual(status, 202, job)
        return job

    def result(self, job):
        job = self.server.wait(job)
        self.assertEqual(job["status"], "succeeded", job)
        return self.picture(self.server.ask("GET", job["results"][0]["url"])[2])

    def test_pictures(self):
        subprocess.run([PROGRAM, "image", "a red apple", "--device", "cuda", "--model", IMAGE_MODEL, "--seed", "7", "--steps",
                        str(STEPS), "-o", "cli.png", "--quiet"], cwd=self.folder, check=True, timeout=300,
                       env={**os.environ, **CACHE_OFF})
        expected = read_png(self.folder / "cli.png")

        # Previews are taken out of a run on the GPU, and change nothing.
        job = self.submit(7)
        events = list(self.server.events(job["events_url"]))
        previews = [data["image"] for _, name, data in events if name == "preview"]
        self.assertEqual(events[-1][1], "done")
        self.assertTrue(previews)
        self.assertEqual(base64.b64decode(previews[-1].split(",")[1])[:2], b"\xff\xd8")
        self.assertEqual(self.result(job), expected, "to the bit")
        self.assertEqual(self.result(self.submit(7)), expected, "again")

        # Cancelled in the middle; what follows is right.
        job = self.submit(7, num_inference_steps=100)
        self.server.wait(job, ("running",))
        self.assertEqual(self.server.ask("POST", f"/v1/jobs/{job['id']}/cancel")[0], 200)
        self.assertEqual(self.result(self.submit(7)), expected, "after a cancelled one")

        # Together with others, up to rounding.
        blocker = self.submit(1, num_inference_steps=100)
        self.server.wait(blocker, ("running",))
        jobs = [self.submit(seed) for seed in (3, 7, 5)]
        found = self.result(jobs[1])
        differences = [abs(a - b) for a, b in zip(found[2], expected[2])]
        counts = collections.Counter(differences)
        mean = sum(differences) / len(differences)
        print(f"in a batch: mean difference {mean:.3f} of 255, largest {max(differences)}, "
              f"{counts[0] / len(differences):.1%} equal")
        self.assertLessEqual(max(differences), BATCH_TOLERANCE)
        self.assertLessEqual(mean, BATCH_MEAN_TOLERANCE)
        started = [data for _, name, data in self.server.events(jobs[1]["events_url"]) if name == "started"]
        self.assertEqual(started[0]["batch"], 3)

    def test_many_clients(self):
        job = self.server.ask("POST", "/v1/jobs", {"kind": "video", "model": "wan", "prompt": "a cat", "num_frames": 5, "seed": 1, "format": "webp",
                                                   "width": 32, "height": 32, "num_inference_steps": 2})[2]
        job = self.server.wait(job)
        self.assertEqual(job["status"], "succeeded", job)
        expected = self.result(self.submit(1))
        done = []

        def client(number):
            for turn in range(5):
                job = self.submit(number * 100 + turn)
                list(self.server.events(job["events_url"]))
                done.append(self.server.wait(job)["status"])

        began = time.monotonic()
        clients = [threading.Thread(target=client, args=(number,)) for number in range(16)]
        for thread in clients:
            thread.start()
        for thread in clients:
            thread.join()
        seconds = time.monotonic() - began
        print(f"{len(done)} pictures of {STEPS} steps for 16 clients in {seconds:.2f} s; {self.server.memory() / 2**20:.0f} MiB")
        self.assertEqual(collections.Counter(done), {"succeeded": 80})
        self.assertEqual(self.result(self.submit(1)), expected, "the same after them")
        self.assertEqual(self.server.stop(), 0)


class Eviction(ServerTest):
    def test_one_model_makes_room_for_the_other(self):
        server = self.serve("--device", "cuda", "--model", f"image={IMAGE_MODEL}", "--model", f"wan={WAN}", "--models-memory", "1MiB",
                            program=PROGRAM, environment=CACHE_OFF)
        for _ in range(2):
            for body in ({"model": "image", "num_inference_steps": 1},
                         {"kind": "video", "model": "wan", "num_frames": 5, "format": "webp", "width": 32, "height": 32,
                          "num_inference_steps": 1}):
                job = server.wait(server.ask("POST", "/v1/jobs", {"prompt": "a cat", "seed": 1, **body})[2])
                self.assertEqual(job["status"], "succeeded", job)
        events = [(line["event"], line.get("model")) for line in server.log_lines()]
        self.assertGreaterEqual(events.count(("model_evicted", "image")), 1, events)
        self.assertGreaterEqual(events.count(("model_evicted", "wan")), 1, events)
        self.assertEqual(server.stop(), 0)


if __name__ == "__main__":
    unittest.main()
