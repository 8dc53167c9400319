"""swan image with a Sana-Sprint repository: few steps, and pictures to start from."""

import unittest

from swan_program import SOURCE, ProgramTest, png_settings, read_png

GOLDEN = SOURCE / "tests" / "golden"
# A tiny random repository of Sana-Sprint's kind.
SPRINT = ["--model", str(GOLDEN / "models" / "sana_sprint"), "--no-resolution-binning", "--complex-instruction", "none"]
SMALL = [*SPRINT, "--width", "64", "--height", "96", "--seed", "7"]
FOX = str(GOLDEN / "pipelines" / "inputs" / "input_a.png")


class Sprint(ProgramTest):
    def assertPicture(self, name, case):
        found = read_png(self.folder / name)
        expected = read_png(GOLDEN / "pipelines" / case / "image_0.png")
        self.assertEqual(found[:2], expected[:2])
        self.assertLessEqual(max(abs(a - b) for a, b in zip(found[2], expected[2])), 1)

    def test_it_is_the_reference_picture(self):
        self.swan("image", "a tiny astronaut in the garden", *SPRINT, "--width", "96", "--height", "192", "--seed", "35",
                  "-o", "two.png")
        self.assertPicture("two.png", "sprint_2_steps")
        self.swan("image", "a crimson waterfall", *SPRINT, "--width", "160", "--height", "160", "--seed", "37", "--steps",
                  "1", "-o", "one.png")
        self.assertPicture("one.png", "sprint_1_step")
        self.swan("image", "a cute pink bear", *SPRINT, "--width", "160", "--height", "192", "--seed", "41", "--image",
                  FOX, "--strength", "0.6", "-o", "bear.png")
        self.assertPicture("bear.png", "sprint_img2img")

    def test_two_steps_are_the_default(self):
        report = self.json_line(self.swan("image", "a red apple", *SMALL, "--json"))
        self.assertEqual((report["steps"], report["guidance_scale"], report["scheduler"]), (2, 4.5, "scm"))
        self.assertEqual(png_settings(self.folder / "out.png")["pipeline"], "SanaSprintPipeline")

    def test_its_angles_count_and_are_repeated(self):
        names = {"plain.png": [], "none.png": ["--intermediate-timesteps", "none"],
                 "other.png": ["--intermediate-timesteps", "1.1"], "first.png": ["--max-timesteps", "1.5"]}
        for name, options in names.items():
            self.swan("image", "a red apple", *SMALL, *options, "-o", name)
            self.swan("image", "--from", name, "-o", "again.png")
            self.assertEqual((self.folder / name).read_bytes(), (self.folder / "again.png").read_bytes(), name)
        self.assertEqual(len({read_png(self.folder / name) for name in names}), len(names))

    def test_a_picture_is_given_again_to_repeat_its_result(self):
        for start in ("start.jpg", "start.webp"):
            self.swan("image", "a red apple", *SMALL, "-o", start)
            self.swan("image", "a dog", *SMALL, "--image", start, "--strength", "0.5", "-o", "dog.png")
            self.assertEqual(png_settings(self.folder / "dog.png")["strength"], 0.5)
            self.assertOneMessage(self.swan("image", "--from", "dog.png", expect=2), "--image")
            self.swan("image", "--from", "dog.png", "--image", start, "-o", "again.png")
            self.assertEqual((self.folder / "dog.png").read_bytes(), (self.folder / "again.png").read_bytes())

    def test_interpolation_needs_no_negative_prompt(self):
        self.swan("image", "a cat", "--prompt-to", "a dog", "--interpolate", "2", *SMALL)
        self.assertEqual(self.files(), ["out_0.png", "out_1.png"])

    def test_what_it_has_not_is_refused(self):
        for options, part in ((["--negative-prompt", "a dog"], "no negative prompt"),
                              (["--flow-shift", "3"], "flow_shift"),
                              (["--steps", "3", "--intermediate-timesteps", "1.1"], "second of two"),
                              (["--image", FOX, "--strength", "0"], "leaves none of 2 steps")):
            self.assertOneMessage(self.swan("image", "a red apple", *SMALL, *options, expect=2), part)
        self.assertOneMessage(self.swan("image", "a red apple", *SMALL, "--scheduler", "unipc", expect=1), "'scm' alone")
        (self.folder / "text.png").write_text("no picture", encoding="utf-8")
        self.assertOneMessage(self.swan("image", "a red apple", *SMALL, "--image", "text.png", expect=1), "text.png")
        self.assertEqual(self.files(), ["text.png"])

    def test_other_models_have_none_of_it(self):
        for options in (["--max-timesteps", "1.5"], ["--intermediate-timesteps", "none"]):
            self.assertOneMessage(self.swan("image", "a red apple", *options, expect=1), "Sana-Sprint")


if __name__ == "__main__":
    unittest.main()
