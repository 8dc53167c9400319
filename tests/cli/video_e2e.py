"""swan video, on a tiny repository: files, formats, repeats, and what stops it."""

import json
import os
import shutil
import signal
import struct
import subprocess
import unittest

from swan_program import (FILM, MODEL, QUICK, SOURCE, WAN, ProgramTest, film, png_settings, read_png, read_safetensors,
                          write_safetensors)

# As many as the model knows: some seconds.
LONG = film("--num-frames", "253")


def probe(path):
    """What ffprobe says of the one stream, its frames counted."""
    done = subprocess.run(["ffprobe", "-v", "error", "-count_frames", "-show_streams", "-of", "json", str(path)],
                          capture_output=True, text=True, check=True, timeout=120)
    (stream,) = json.loads(done.stdout)["streams"]
    return stream


class Video(ProgramTest):
    def film(self, *arguments, **kwargs):
        return self.swan("video", "a red ball", *film(*arguments), **kwargs)

    def probe(self, name):
        if shutil.which("ffprobe") is None:
            self.skipTest("ffprobe is not installed")
        return probe(self.folder / name)

    def test_one_command_makes_a_video_that_plays(self):
        outcome = self.film()
        self.assertEqual(self.files(), ["out.mp4"])
        self.assertTrue(outcome.out.startswith("out.mp4\n"), outcome)
        for part in ("64 x 48 pixels, 9 frames, 0.56 s at 16 fps", "seed     7", "steps    2", "decode", "total",
                     "memory"):
            self.assertIn(part, outcome.out)
        self.assertRegex(outcome.err, r"(?m)^decode 9/9")
        stream = self.probe("out.mp4")
        self.assertEqual((stream["codec_name"], stream["pix_fmt"]), ("h264", "yuv420p"))
        self.assertEqual((stream["width"], stream["height"]), (64, 48))
        self.assertEqual((stream["nb_read_frames"], stream["r_frame_rate"]), ("9", "16/1"))
        self.assertAlmostEqual(float(stream["duration"]), 9 / 16, places=3)

    def test_it_is_the_reference_video(self):
        """A case that the Python reference computed with the embedded model, as a person would ask for it."""
        reference = SOURCE / "models" / "reference"
        case = json.loads((reference / "cases_video.json").read_text(encoding="utf-8"))[0]
        self.swan("video", case["prompt"], "--seed", case["seed"], "-o", "frames/")
        self.assertEqual(len(self.files(self.folder / "frames")), case["frames"])
        for frame in (0, case["frames"] - 1):
            found = read_png(self.folder / "frames" / f"frame_{frame:04d}.png")
            expected = read_png(reference / case["files"][frame])
            self.assertEqual(found[:2], expected[:2])
            differences = [abs(a - b) for a, b in zip(found[2], expected[2])]
            self.assertLessEqual(max(differences), 1)
            self.assertGreaterEqual(differences.count(0) / len(differences), 0.997)

    def test_json_is_one_line(self):
        report = self.json_line(self.film("--json", "--fps", "24", "--save-latents", "l.safetensors"))
        self.assertEqual((report["files"], report["latents"]), (["out.mp4"], "l.safetensors"))
        self.assertEqual((report["width"], report["height"], report["num_frames"]), (64, 48, 9))
        self.assertEqual((report["fps"], report["duration"]), (24, 0.375))
        self.assertEqual((report["seed"], report["steps"], report["guidance_scale"]), (7, 2, 5))
        stages = report["seconds"]
        self.assertTrue({"encode", "denoise", "decode", "save", "total"} <= set(stages), stages)
        self.assertGreaterEqual(stages["total"] + 0.01, sum(s for stage, s in stages.items() if stage != "total"))
        self.assertEqual(set(report["stage_peak_bytes"]), {"encode", "denoise", "decode"})
        self.assertGreaterEqual(report["peak_memory_bytes"], max(report["stage_peak_bytes"].values()))
        self.assertNotIn("blocked", report)
        self.assertEqual(read_safetensors(self.folder / "l.safetensors")["latents"][:2], ("F32", [1, 8, 3, 6, 8]))

    def test_quiet_prints_nothing(self):
        outcome = self.film("--quiet")
        self.assertEqual(outcome.out + outcome.err, "")

    def test_every_format(self):
        for name, codec in (("a.webm", "vp9"), ("b.gif", "gif"), ("c.MP4", "h264")):
            self.film("-o", name, "--fps", "10")
            stream = self.probe(name)
            self.assertEqual((stream["codec_name"], stream["nb_read_frames"]), (codec, "9"), name)
        self.film("-o", "d.webp")
        data = (self.folder / "d.webp").read_bytes()
        self.assertEqual((data[:4], data[8:12], data.count(b"ANMF")), (b"RIFF", b"WEBP", 9))

    def test_a_folder_of_frames(self):
        self.film("-o", "frames/")
        names = [f"frame_{i:04d}.png" for i in range(9)]
        self.assertEqual(self.files(self.folder / "frames"), names)
        self.assertEqual(read_png(self.folder / "frames" / names[0])[:2], (64, 48))
        self.assertEqual(png_settings(self.folder / "frames" / names[8])["fps"], 16)
        # A folder that is there: its older frames are replaced where none of them would stay.
        outcome = self.film("-o", "frames", "--num-frames", "5", expect=2)
        self.assertNotIn("denoise", outcome.err, "it is known before the run")
        self.assertEqual(self.files(self.folder / "frames"), names)
        self.film("-o", "frames", "--num-frames", "13")
        self.assertEqual(len(self.files(self.folder / "frames")), 13)

    def test_several_videos_are_numbered(self):
        report = self.json_line(self.film("-n", "2", "--json"))
        self.assertEqual(report["files"], ["out_0.mp4", "out_1.mp4"])
        self.film("--seed", "3,4", "-o", "frames/")
        self.assertEqual(self.files(), ["frames_0", "frames_1", "out_0.mp4", "out_1.mp4"])
        one, other = (read_png(self.folder / f"frames_{i}" / "frame_0000.png") for i in (0, 1))
        self.assertNotEqual(one, other)

    def test_the_same_seed_is_the_same_file_whatever_the_threads(self):
        for name in ("mp4", "webm", "webp", "gif"):
            for threads in ("1", "2", "2"):
                self.film("--threads", threads, "-o", f"{threads}.{name}")
            self.assertEqual((self.folder / f"1.{name}").read_bytes(), (self.folder / f"2.{name}").read_bytes(), name)

    def test_repeats_the_very_same_file(self):
        for name in ("a.mp4", "a.webm", "a.webp", "a.gif"):
            self.film("-o", name, "--fps", "12.5", "--flow-shift", "4.5", "--guidance-scale", "3", "--negative-prompt",
                      "a \"dog\" 狗", *(("--crf", "30") if name in ("a.mp4", "a.webm") else ()))
            self.swan("video", "--from", name, "-o", f"again_{name}")
            self.assertEqual((self.folder / name).read_bytes(), (self.folder / f"again_{name}").read_bytes(), name)

    def test_repeats_from_a_folder_and_from_a_frame(self):
        self.film("-o", "first.mp4", "--fps", "24")
        self.swan("video", "--from", "first.mp4", "-o", "frames/")
        for source in ("frames", "frames/", "frames/frame_0003.png"):
            self.swan("video", "--from", source, "-o", "again.mp4")
            self.assertEqual((self.folder / "first.mp4").read_bytes(), (self.folder / "again.mp4").read_bytes(), source)

    def test_repeats_one_of_several(self):
        self.swan("video", "--prompt", "a ball", "--prompt", "a dog", *FILM, "-n", "2")
        for i in range(4):
            report = self.json_line(self.swan("video", "--from", f"out_{i}.mp4", "-o", "again.mp4", "--json"))
            self.assertEqual(report["files"], ["again.mp4"])
            self.assertEqual((self.folder / f"out_{i}.mp4").read_bytes(), (self.folder / "again.mp4").read_bytes())

    def test_other_options_override(self):
        self.film("-o", "first.mp4", "--fps", "24")
        report = self.json_line(self.swan("video", "--from", "first.mp4", "--seed", "8", "--num-frames", "5", "--fps",
                                          "8", "--json"))
        self.assertEqual((report["seed"], report["num_frames"], report["fps"]), (8, 5, 8))
        self.swan("video", "--from", "out.mp4", "--seed", "7", "--num-frames", "9", "--fps", "24", "-o", "back.mp4")
        self.assertEqual((self.folder / "first.mp4").read_bytes(), (self.folder / "back.mp4").read_bytes())

    def test_presets_and_lists_are_repeated(self):
        small = ("a ball", "--seed", "7", "--num-frames", "5")
        report = self.json_line(self.swan("video", *small, "--preset", "fastwan", "-o", "few.mp4", "--json"))
        self.assertEqual((report["steps"], report["scheduler"]), (3, "dmd"))
        report = self.json_line(self.swan("video", *small, "--timesteps", "900,300", "--scheduler", "flow-lcm",
                                          "--sigma-schedule", "karras", "-o", "list.mp4", "--json"))
        self.assertEqual((report["steps"], report["scheduler"]), (2, "flow-lcm"))
        for name in ("few.mp4", "list.mp4"):
            self.swan("video", "--from", name, "-o", "again.mp4")
            self.assertEqual((self.folder / name).read_bytes(), (self.folder / "again.mp4").read_bytes(), name)

    def test_pictures_and_videos_point_to_each_other(self):
        self.film("-o", "a.mp4")
        self.film("-o", "a.webp")
        self.film("-o", "frames/")
        self.swan("image", "a red apple", *QUICK, "-o", "a.png")
        for name in ("a.mp4", "a.webp", "frames/frame_0000.png"):
            outcome = self.swan("image", "--from", name, expect=2)
            self.assertOneMessage(outcome, f"it was made by 'swan video'; use swan video --from '{name}'")
        outcome = self.swan("video", "--from", "a.png", expect=2)
        self.assertOneMessage(outcome, "it was made by 'swan image'; use swan image --from 'a.png'")

    def test_models_of_the_other_kind_are_refused(self):
        self.assertOneMessage(self.swan("video", "a fox", "--model", MODEL, expect=1), "use 'swan image'")
        self.assertOneMessage(self.swan("image", "a fox", "--model", WAN, expect=1), "use 'swan video'")
        self.assertEqual(self.files(), [])

    def test_other_numbers_of_frames_are_rounded_with_a_warning(self):
        outcome = self.film("--num-frames", "6", "--json")
        self.assertRegex(outcome.err, r"(?m)^swan: warning: num_frames .*\b5 instead of 6")
        self.assertEqual(self.json_line(outcome)["num_frames"], 5)
        self.assertEqual(self.probe("out.mp4")["nb_read_frames"], "5")

    def test_one_frame_is_a_video(self):
        report = self.json_line(self.film("--num-frames", "1", "--json"))
        self.assertEqual((report["num_frames"], report["duration"]), (1, 0.0625))
        self.assertEqual(self.probe("out.mp4")["nb_read_frames"], "1")

    def test_sizes_that_cannot_be_are_refused_before_the_run(self):
        for width, height, says in (("0", "48", "--width is '0'"), ("100000", "48", "--width is '100000'"),
                                    ("65536", "65536", "16384"), ("16384", "16384", "16384"), ("72", "48", "80 x 48"),
                                    ("63", "48", "63")):
            outcome = self.film("--width", width, "--height", height, expect=2)
            self.assertOneMessage(outcome, says)
            self.assertNotIn("encode", outcome.err)
        self.assertEqual(self.files(), [])

    def test_rates_that_a_format_cannot_hold_are_refused_before_the_run(self):
        outcome = self.film("-o", "a.gif", "--fps", "60", expect=2)
        self.assertOneMessage(outcome, "a.gif", "60")
        self.assertNotIn("encode", outcome.err)
        self.assertEqual(self.files(), [])

    def test_latents_replace_the_seed_and_are_given_again_to_repeat(self):
        noise = struct.pack("<1152f", *((i * 7919 % 2003 / 1000 - 1) for i in range(1152)))
        write_safetensors(self.folder / "noise.safetensors", {"latents": ("F32", [1, 8, 3, 6, 8], noise)})
        self.film("--latents", "noise.safetensors", "-o", "a.mp4")
        self.film("-o", "b.mp4")
        self.assertNotEqual((self.folder / "a.mp4").read_bytes(), (self.folder / "b.mp4").read_bytes())
        self.assertOneMessage(self.swan("video", "--from", "a.mp4", expect=2), "--latents")
        self.swan("video", "--from", "a.mp4", "--latents", "noise.safetensors", "-o", "c.mp4")
        self.assertEqual((self.folder / "a.mp4").read_bytes(), (self.folder / "c.mp4").read_bytes())
        outcome = self.film("--latents", "noise.safetensors", "--num-frames", "5", expect=2)
        self.assertOneMessage(outcome, "[1, 8, 3, 6, 8]")

    def test_disk_full(self):
        for name in ("new.mp4", "old.mp4", "new.webm", "new.gif", "frames/"):
            with self.subTest(name):
                done = self.on_a_small_disk("video", "a red ball", *film("--num-frames", "33", "-o", name),
                                            old="old.mp4", size="12k")
                self.assertEqual(done.returncode, 1, done)
                self.assertRegex(done.stderr, rf"(?m)^swan: .*{name}.*No space left on device")
                self.assertEqual(done.stdout, "left: old.mp4 21\n")

    def start_long(self, *arguments):
        process = self.start("video", "a red ball", *LONG, *arguments)
        self.wait_for(process, "decode 26/")
        return process

    def test_ctrl_c_leaves_nothing(self):
        for name in ("out.mp4", "out.webp", "frames/"):
            process = self.start_long("-o", name)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
            self.assertEqual((process.returncode, out), (130, ""), err)
            self.assertRegex(err, r"(?m)^swan: .*cancel")
            self.assertEqual(self.files(), [], name)

    def test_ctrl_c_while_denoising_says_that_nothing_was_written(self):
        process = self.start("video", "a red ball", *film("--steps", "1000", "--json"))
        self.wait_for(process, "denoise")
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
        self.assertEqual(json.loads(out)["error"]["code"], "cancelled")
        self.assertEqual(self.files(), [])

    def test_a_killed_process_leaves_nothing_under_the_final_name(self):
        (self.folder / "old.mp4").write_text("the video of yesterday")
        for name in ("new.mp4", "old.mp4", "frames/"):
            process = self.start_long("-o", name)
            process.kill()
            process.communicate(timeout=60)
        names = self.files()
        self.assertEqual([name for name in names if not name.startswith(".swan-")], ["old.mp4"])
        self.assertEqual((self.folder / "old.mp4").read_text(), "the video of yesterday")

    def test_every_line_is_the_video_of_its_own(self):
        (self.folder / "list.txt").write_text("a red ball\n# a comment\n\n一只红色的狐狸\n", encoding="utf-8")
        outcome = self.swan("video", "--prompts", "list.txt", *FILM, "--json")
        self.assertEqual(self.json_line(outcome)["files"], ["out_0.mp4", "out_1.mp4"])
        self.assertRegex(outcome.err, r"(?m)^\[2/2\] denoise 2/2")
        for i, prompt in enumerate(("a red ball", "一只红色的狐狸")):
            self.swan("video", prompt, *FILM, "-o", "one.mp4")
            one, many = (self.folder / "one.mp4", self.folder / f"out_{i}.mp4")
            self.assertEqual(one.read_bytes(), many.read_bytes(), prompt)

    def test_prompts_from_standard_input(self):
        source, sink = os.pipe()
        os.write(sink, "a ball\na dog".encode())
        os.close(sink)
        self.addCleanup(os.close, source)
        report = self.json_line(self.swan("video", "--prompts", "-", *FILM, "-n", "2", "--json", stdin=source))
        self.assertEqual(report["prompt"], ["a ball", "a dog"])
        self.assertEqual(len(report["files"]), 4)

    def test_the_ends_of_an_interpolation_are_the_prompts_themselves(self):
        for way in ("linear", "spherical"):
            self.swan("video", "a ball", "--prompt-to", "a large red dog", "--interpolate", "3", "--interpolation", way,
                      *FILM, "-o", f"{way}/")
            self.swan("video", "a ball", *FILM, "-o", "from/")
            self.swan("video", "a large red dog", *FILM, "-o", "to/")
            frames = {folder: read_png(self.folder / folder / "frame_0004.png")
                      for folder in (f"{way}_0", f"{way}_1", f"{way}_2", "from", "to")}
            self.assertEqual(frames[f"{way}_0"], frames["from"])
            self.assertEqual(frames[f"{way}_2"], frames["to"])
            self.assertNotIn(frames[f"{way}_1"], (frames["from"], frames["to"]))
            place = png_settings(self.folder / f"{way}_1" / "frame_0000.png")["interpolation"]
            self.assertEqual(place, {"prompt": "a ball", "prompt_to": "a large red dog", "negative_prompt": "",
                                     "position": 0.5, "method": way})

    def test_a_failing_line_is_named_and_those_before_it_are_complete(self):
        (self.folder / "list.txt").write_text("a ball\na dog\na cat\n")
        process = self.start("video", "--prompts", "list.txt", *LONG)
        self.wait_for(process, "[2/3] decode")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130, err)
        self.assertIn("The video before it is complete: out_0.mp4.", err)
        self.assertEqual(self.files(), ["list.txt", "out_0.mp4"])


if __name__ == "__main__":
    unittest.main()
