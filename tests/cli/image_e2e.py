"""swan image: pictures, names, formats and reports."""

import json
import unittest

from swan_program import MODEL, PROGRAM, QUICK, SOURCE, ProgramTest, png_settings, read_png


class Image(ProgramTest):
    def test_one_command_makes_a_picture(self):
        outcome = self.swan("image", "a red apple", *QUICK)
        self.assertEqual(self.files(), ["out.png"])
        width, height, pixels = read_png(self.folder / "out.png")
        self.assertEqual((width, height), (256, 256))
        self.assertGreater(len(set(pixels)), 50, "a picture has many values")
        self.assertTrue(outcome.out.startswith("out.png\n"), outcome)
        for part in ("256 x 256", "seed     7", "steps    2", "denoise", "total", "memory"):
            self.assertIn(part, outcome.out)
        # Standard error is no terminal here: plain lines.
        self.assertRegex(outcome.err, r"(?m)^denoise 2/2")
        self.assertNotIn("\x1b", outcome.err)

    def test_it_is_the_reference_picture(self):
        """The cases that the Python reference computed, as a person would ask for them."""
        reference = SOURCE / "models" / "reference"
        for case in json.loads((reference / "cases_image.json").read_text(encoding="utf-8")):
            with self.subTest(case["name"]):
                self.swan("image", case["prompt"], "--seed", case["seed"], "--steps", case["steps"], "--guidance-scale",
                          case["guidance_scale"], "-o", "case.png")
                found = read_png(self.folder / "case.png")
                expected = read_png(reference / case["files"][0])
                self.assertEqual(found[:2], expected[:2])
                differences = [abs(a - b) for a, b in zip(found[2], expected[2])]
                self.assertLessEqual(max(differences), 1)
                self.assertGreaterEqual(differences.count(0) / len(differences), 0.997)

    def test_json_is_one_line(self):
        outcome = self.swan("image", "a \"red\" apple 苹果", *QUICK, "--json", "-o", "apple.png")
        report = self.json_line(outcome)
        self.assertEqual(report["files"], ["apple.png"])
        self.assertEqual((report["width"], report["height"], report["steps"]), (256, 256, 2))
        self.assertEqual((report["seed"], report["seeds"]), (7, [7]))
        self.assertEqual(report["prompt"], ["a \"red\" apple 苹果"])
        stages = report["seconds"]
        self.assertTrue({"encode", "denoise", "decode", "save", "total"} <= set(stages), stages)
        self.assertTrue(all(seconds >= 0 for seconds in stages.values()), stages)
        self.assertGreaterEqual(stages["total"] + 0.01, sum(s for stage, s in stages.items() if stage != "total"))
        self.assertGreater(report["peak_memory_bytes"], 30 << 20)
        self.assertTrue(report["model"].endswith("swan-emoji-256"), report["model"])
        self.assertTrue(report["scheduler"])

    def test_quiet_prints_nothing(self):
        outcome = self.swan("image", "a red apple", *QUICK, "--quiet")
        self.assertEqual(outcome.out + outcome.err, "")
        self.assertEqual(self.files(), ["out.png"])

    def test_quiet_json_prints_one_line_only(self):
        outcome = self.swan("image", "a red apple", *QUICK, "--quiet", "--json")
        self.assertEqual(outcome.err, "")
        self.json_line(outcome)

    def test_several_pictures_are_numbered(self):
        report = self.json_line(self.swan("image", "a red apple", *QUICK, "-n", "2", "-o", "apple.png", "--json"))
        self.assertEqual(report["files"], ["apple_0.png", "apple_1.png"])
        self.assertEqual(self.files(), ["apple_0.png", "apple_1.png"])
        self.assertNotEqual(read_png(self.folder / "apple_0.png"), read_png(self.folder / "apple_1.png"))

    def test_several_prompts(self):
        self.swan("image", "--prompt", "a red apple", "--prompt", "a blue car", *QUICK)
        self.assertEqual(self.files(), ["out_0.png", "out_1.png"])
        self.assertEqual(png_settings(self.folder / "out_0.png")["seed"], 7)

    def test_a_list_of_seeds_is_a_picture_each(self):
        report = self.json_line(self.swan("image", "a red apple", "--steps", "2", "--seed", "7,8", "--json"))
        self.assertEqual(report["seeds"], [7, 8])
        self.assertEqual(len(report["files"]), 2)

    def test_jpeg_and_webp(self):
        for name, magic in (("a.jpg", b"\xff\xd8\xff"), ("b.JPEG", b"\xff\xd8\xff"), ("c.webp", b"RIFF")):
            self.swan("image", "a red apple", *QUICK, "-o", name)
            self.assertTrue((self.folder / name).read_bytes().startswith(magic), name)

    def test_the_same_seed_is_the_same_picture_whatever_the_threads(self):
        for threads in ("1", "2", "5"):
            self.swan("image", "a red apple", *QUICK, "--threads", threads, "-o", f"{threads}.png")
        self.assertEqual(read_png(self.folder / "1.png"), read_png(self.folder / "2.png"))
        self.assertEqual(read_png(self.folder / "1.png"), read_png(self.folder / "5.png"))

    def test_without_a_seed_one_is_chosen_and_reported(self):
        seeds = set()
        for name in ("a.png", "b.png"):
            report = self.json_line(self.swan("image", "a red apple", "--steps", "1", "-o", name, "--json"))
            self.assertLess(report["seed"], 1 << 32)
            self.assertEqual(png_settings(self.folder / name)["seed"], report["seed"])
            seeds.add(report["seed"])
        self.assertEqual(len(seeds), 2)

    def test_sizes_prompts_and_options_arrive(self):
        self.swan("image", "蓝色背景上的红苹果", *QUICK, "--width", "192", "--height", "128", "--guidance-scale", "3",
                  "--negative-prompt", "a dog", "--scheduler", "flow-euler", "--model", MODEL, "--dtype", "f32")
        self.assertEqual(read_png(self.folder / "out.png")[:2], (192, 128))
        settings = png_settings(self.folder / "out.png")
        self.assertIn("蓝色背景上的红苹果", json.dumps(settings, ensure_ascii=False))
        self.assertEqual((settings["width"], settings["height"]), (192, 128))
        self.assertEqual(settings["guidance_scale"], 3)
        self.assertEqual(settings["num_inference_steps"], 2)
        self.assertEqual(settings["scheduler"], "flow-euler")

    def test_an_empty_prompt_is_a_prompt(self):
        self.swan("image", "", *QUICK)
        self.assertEqual(self.files(), ["out.png"])

    def test_an_instruction_from_a_file(self):
        (self.folder / "instruction.txt").write_text("Describe the picture.\nPrompt: ", encoding="utf-8")
        self.swan("image", "a red apple", *QUICK, "-o", "with.png", "--complex-instruction", "instruction.txt")
        self.swan("image", "a red apple", *QUICK, "-o", "none.png", "--complex-instruction", "none")
        self.swan("image", "a red apple", *QUICK, "-o", "plain.png")
        self.assertNotEqual(read_png(self.folder / "with.png"), read_png(self.folder / "none.png"))
        # The embedded model was not trained with one, so none is the default.
        self.assertEqual(read_png(self.folder / "plain.png"), read_png(self.folder / "none.png"))

    def test_verbose_says_more(self):
        self.assertIn("swan: debug: ", self.swan("image", "a red apple", *QUICK, "--verbose").err)

    def test_a_size_that_cannot_be_is_refused_before_anything_is_loaded(self):
        outcome = self.swan("image", "a red apple", "--width", "250", expect=2)
        self.assertOneMessage(outcome, "250", "32")
        self.assertNotIn("encode", outcome.err)
        self.assertEqual(self.files(), [])

    def test_it_runs_from_any_folder_and_through_a_link(self):
        (self.folder / "linked").symlink_to(PROGRAM)
        outcome = self.swan("info", program=self.folder / "linked", cwd="/")
        self.assertIn("swan-emoji-256", outcome.out)


if __name__ == "__main__":
    unittest.main()
