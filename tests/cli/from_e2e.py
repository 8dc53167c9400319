"""swan image --from: the very same picture, or its settings with a change."""

import unittest

from swan_program import QUICK, ProgramTest, png_chunks, png_settings, read_png


class From(ProgramTest):
    def test_repeats_the_very_same_picture(self):
        self.swan("image", "two cats 两只猫 \\ \"quoted\"\nand a line", *QUICK, "--width", "192", "--guidance-scale", "3.3",
                  "--negative-prompt", "a dog", "--scheduler", "flow-euler", "-o", "first.png")
        self.swan("image", "--from", "first.png", "-o", "again.png")
        self.assertEqual((self.folder / "first.png").read_bytes(), (self.folder / "again.png").read_bytes())

    def test_repeats_through_webp_and_jpeg(self):
        self.swan("image", "a red apple", *QUICK, "-o", "first.png")
        for name in ("first.webp", "first.jpg"):
            self.swan("image", "--from", "first.png", "-o", name)
            self.swan("image", "--from", name, "-o", "again.png")
            self.assertEqual(read_png(self.folder / "first.png"), read_png(self.folder / "again.png"), name)

    def test_repeats_one_of_several(self):
        self.swan("image", "--prompt", "a red apple", "--prompt", "a dog", *QUICK, "-n", "2")
        for i in range(4):
            report = self.json_line(self.swan("image", "--from", f"out_{i}.png", "-o", f"again_{i}.png", "--json"))
            self.assertEqual(report["files"], [f"again_{i}.png"])
            self.assertEqual((self.folder / f"out_{i}.png").read_bytes(), (self.folder / f"again_{i}.png").read_bytes())

    def test_repeats_one_of_a_list_of_seeds(self):
        self.swan("image", "a red apple", "--steps", "2", "--seed", "3,4")
        self.swan("image", "--from", "out_1.png", "-o", "again.png")
        self.assertEqual(read_png(self.folder / "out_1.png"), read_png(self.folder / "again.png"))

    def test_other_options_override(self):
        self.swan("image", "a red apple", *QUICK, "-o", "first.png")
        self.swan("image", "--from", "first.png", "--seed", "8", "-o", "other.png")
        self.assertNotEqual(read_png(self.folder / "first.png"), read_png(self.folder / "other.png"))
        changed = png_settings(self.folder / "other.png")
        self.assertEqual(changed["seed"], 8)
        self.assertEqual(changed["num_inference_steps"], 2)
        self.swan("image", "--from", "other.png", "--seed", "7", "-o", "back.png")
        self.assertEqual(read_png(self.folder / "first.png"), read_png(self.folder / "back.png"))

    def test_a_picture_of_another_program(self):
        self.swan("image", "a red apple", *QUICK, "-o", "first.png")
        data = (self.folder / "first.png").read_bytes()
        plain = data[:8]
        at = 8
        for kind, content in png_chunks(data):
            if kind not in (b"iTXt", b"tEXt", b"zTXt"):
                plain += data[at:at + 12 + len(content)]
            at += 12 + len(content)
        (self.folder / "plain.png").write_bytes(plain)
        outcome = self.swan("image", "--from", "plain.png", expect=1)
        self.assertOneMessage(outcome, "cannot repeat 'plain.png': it carries no settings of Swan")
        self.assertNotIn("out.png", self.files())

    def test_no_such_file(self):
        self.assertOneMessage(self.swan("image", "--from", "nothing.png", expect=1), "nothing.png")

    def test_not_a_picture(self):
        (self.folder / "text.png").write_text("hello")
        self.assertOneMessage(self.swan("image", "--from", "text.png", expect=1), "text.png")


if __name__ == "__main__":
    unittest.main()
