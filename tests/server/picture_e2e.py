"""`swan serve` with the embedded models: what it makes is what `swan image` and `swan video` make."""

import base64
import os
import pathlib
import subprocess
import sys
import unittest

from served import PROGRAM, ServerTest

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "cli"))
from swan_program import read_png  # noqa: E402


class Pictures(ServerTest):
    def run_swan(self, *arguments):
        subprocess.run([PROGRAM, *arguments, "--quiet"], cwd=self.folder, check=True, timeout=300,
                       env={**os.environ, "SWAN_EMBED_CACHE": "off"})

    def test_it_is_the_picture_of_the_command_line(self):
        server = self.serve(program=PROGRAM, environment={"SWAN_EMBED_CACHE": "off"})
        self.run_swan("image", "a red apple", "--seed", "7", "--steps", "2", "-o", "cli.png")
        expected = read_png(self.folder / "cli.png")

        status, _, answer = server.ask("POST", "/v1/images/generations",
                                       {"prompt": "a red apple", "seed": 7, "num_inference_steps": 2})
        self.assertEqual(status, 200, answer)
        (self.folder / "openai.png").write_bytes(base64.b64decode(answer["data"][0]["b64_json"]))
        self.assertEqual(read_png(self.folder / "openai.png"), expected, "to the bit")

        # Its file repeats it, as any of Swan's.
        self.run_swan("image", "--from", "openai.png", "-o", "again.png")
        self.assertEqual(read_png(self.folder / "again.png"), expected)

        # In a batch with another, up to rounding.
        blocker = server.ask("POST", "/v1/jobs", {"prompt": "first", "num_inference_steps": 3})[2]
        server.wait(blocker, ("running",))
        jobs = [server.ask("POST", "/v1/jobs", {"prompt": prompt, "seed": seed, "num_inference_steps": 2})[2]
                for prompt, seed in (("a green pear", 3), ("a red apple", 7))]
        jobs = [server.wait(job) for job in jobs]
        events = list(server.events(jobs[1]["events_url"]))
        self.assertEqual(events[-1][1], "done")
        self.assertEqual(next(data for _, name, data in events if name == "started")["batch"], 2)
        (self.folder / "batch.png").write_bytes(server.ask("GET", jobs[1]["results"][0]["url"])[2])
        found = read_png(self.folder / "batch.png")
        self.assertLessEqual(max(abs(a - b) for a, b in zip(found[2], expected[2])), 1)
        self.assertEqual(jobs[1]["results"][0]["parameters"]["seeds"], [7])

    def test_a_preview_and_a_video(self):
        server = self.serve("--preview-interval", "0.05", program=PROGRAM)
        job = server.ask("POST", "/v1/jobs", {"prompt": "a red apple", "seed": 7, "num_inference_steps": 4})[2]
        previews = [data["image"] for _, name, data in server.events(job["events_url"]) if name == "preview"]
        self.assertTrue(previews)
        jpeg = base64.b64decode(previews[-1].split(",")[1])
        self.assertEqual((jpeg[:2], jpeg[-2:]), (b"\xff\xd8", b"\xff\xd9"))
        self.assertLess(len(jpeg), 20000)
        job = server.ask("POST", "/v1/jobs", {"kind": "video", "prompt": "a red apple", "seed": 7, "num_frames": 5,
                                              "num_inference_steps": 1, "format": "webp"})[2]
        job = server.wait(job)
        self.assertEqual(job["status"], "succeeded", job)
        status, headers, data = server.ask("GET", job["results"][0]["url"])
        self.assertEqual((status, headers["Content-Type"], data[:4]), (200, "image/webp", b"RIFF"))
        self.assertEqual(server.stop(), 0)


if __name__ == "__main__":
    unittest.main()
