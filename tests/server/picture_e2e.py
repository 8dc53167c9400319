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

    def picture(self, data):
        (self.folder / "x.png").write_bytes(data)
        return read_png(self.folder / "x.png")

    def make(self, server, **request):
        """The files of a job."""
        job = server.wait(server.ask("POST", "/v1/jobs", {"prompt": "a red apple", "seed": 7, **request})[2])
        self.assertEqual(job["status"], "succeeded", job)
        return [server.ask("GET", result["url"])[2] for result in job["results"]]

    def test_models_that_share_memory_and_pictures_one_by_one(self):
        server = self.serve("--models-memory", "40MiB", "--max-batch", 1, "--preview-interval", "off", program=PROGRAM,
                            environment={"SWAN_EMBED_CACHE": "off"})

        def story():
            return [("+" if line["event"] == "model_opened" else "-") + line["model"].rsplit("-", 1)[1]
                    for line in server.log_lines() if line["event"] in ("model_opened", "model_evicted")]

        def loaded():
            return {model["id"].rsplit("-", 1)[1]: model["loaded"] for model in server.ask("GET", "/v1/models")[2]["data"]}

        # Both were opened to know them; there is room for one.
        self.assertEqual(story(), ["+256", "-256", "+video"])
        self.assertEqual(loaded(), {"256": False, "video": True})
        first = self.make(server, num_inference_steps=1)
        self.assertEqual(story()[3:], ["-video", "+256"])
        video = {"kind": "video", "num_frames": 5, "num_inference_steps": 1, "format": "webp"}
        clip = self.make(server, **video)
        self.assertEqual(loaded(), {"256": False, "video": True})
        # Queued together they take turns with the memory, each as long as it computes.
        jobs = [server.ask("POST", "/v1/jobs", {"prompt": "a red apple", "seed": 7, **body})[2]
                for body in ({"num_inference_steps": 1, "n": 2}, video, {"num_inference_steps": 1, "seed": 8})]
        pair, again, second = ([server.ask("GET", result["url"])[2] for result in server.wait(job)["results"]] for job in jobs)
        self.assertEqual(again, clip, "a model that was closed and opened again makes the same")
        self.assertEqual(self.picture(pair[0]), self.picture(first[0]))
        self.assertEqual(self.picture(pair[1]), self.picture(second[0]), "with --max-batch 1 each is made alone: the same bits")
        self.assertEqual(story()[5:], ["-256", "+video", "-video", "+256", "-256", "+video", "-video", "+256"])
        metrics = server.ask("GET", "/metrics")[2].decode()
        for line in ("swan_model_opens_total 7", "swan_model_evictions_total 6", "swan_models_open 1"):
            self.assertIn(line + "\n", metrics)
        self.assertEqual(server.stop(), 0)

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
