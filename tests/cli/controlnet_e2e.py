"""swan image with a ControlNet: pictures that have the edges of another."""

import struct
import unittest
import zlib

from swan_program import SOURCE, ProgramTest, png_settings, read_png

GOLDEN = SOURCE / "tests" / "golden"
SANA = str(GOLDEN / "models" / "sana")
# A tiny random repository of the ControlNet's kind; its other parts are those of SANA.
WHOLE = str(GOLDEN / "models" / "sana_controlnet")
CONTROLNET = WHOLE + "/controlnet"
PLAIN = ["--no-resolution-binning", "--complex-instruction", "none"]
SMALL = [*PLAIN, "--width", "96", "--height", "64", "--seed", "7", "--steps", "2"]
FOX = str(GOLDEN / "pipelines" / "inputs" / "input_a.png")
TREE = str(GOLDEN / "pipelines" / "inputs" / "input_b.png")


def png_of_a_square():
    """A light square on a dark ground, 96 x 64."""
    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    rows = b"".join(b"\0" + bytes(220 if 30 <= x < 70 and 15 <= y < 50 else 40 for x in range(96) for _ in range(3))
                    for y in range(64))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 96, 64, 8, 2, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


class ControlNet(ProgramTest):
    def same_bytes(self, name, other):
        self.assertEqual((self.folder / name).read_bytes(), (self.folder / other).read_bytes())

    def test_it_is_the_reference_picture(self):
        for name, model in (("own.png", ["--model", WHOLE]), ("given.png", ["--model", SANA, "--controlnet", CONTROLNET])):
            self.swan("image", "a cat with a neon sign", *PLAIN, *model, "--negative-prompt", "grey", "--control-image",
                      TREE, "--control-scale", "1", "--width", "192", "--height", "160", "--seed", "45", "--steps", "4",
                      "-o", name)
            found = read_png(self.folder / name)
            expected = read_png(GOLDEN / "pipelines" / "controlnet" / "image_0.png")
            self.assertEqual(found[:2], expected[:2])
            self.assertLessEqual(max(abs(a - b) for a, b in zip(found[2], expected[2])), 1)

    def test_its_edges_are_saved_and_are_the_same_control(self):
        (self.folder / "square.png").write_bytes(png_of_a_square())
        run = ["image", "a glass house", *SMALL, "--model", WHOLE, "--control-image"]
        report = self.json_line(self.swan(*run, "square.png", "--control-preprocess", "canny", "--save-control", "edges.png",
                                          "-o", "a.png", "--json"))
        self.assertEqual((report["files"], report["control_image"]), (["a.png"], "edges.png"))
        width, height, values = read_png(self.folder / "edges.png")
        self.assertEqual((width, height), (96, 64))
        self.assertEqual(set(values), {0, 255})
        self.assertLess(values.count(255) / 3, 200)
        self.assertGreater(values.count(255) / 3, 120)  # about the square's sides, 2 (40 + 35)
        self.swan(*run, "edges.png", "-o", "b.png")
        self.assertEqual(read_png(self.folder / "a.png"), read_png(self.folder / "b.png"))
        outcome = self.swan(*run, "square.png", "--save-control", "seen.webp", "-o", "c.png")
        self.assertIn("seen.webp (control image)", outcome.out)
        self.assertNotEqual(read_png(self.folder / "a.png"), read_png(self.folder / "c.png"))
        self.assertEqual(self.files(), ["a.png", "b.png", "c.png", "edges.png", "seen.webp", "square.png"])

    def test_it_is_repeated_with_its_image(self):
        self.swan("image", "a glass fox", *SMALL, "--model", SANA, "--controlnet", CONTROLNET, "--control-image", FOX,
                  "--control-preprocess", "canny", "--control-scale", "0.6", "-o", "first.png")
        settings = png_settings(self.folder / "first.png")
        self.assertEqual((settings["pipeline"], settings["control_preprocess"],
                          settings["controlnet_conditioning_scale"]), ("SanaControlNetPipeline", "canny", 0.6))
        self.assertOneMessage(self.swan("image", "--from", "first.png", expect=2), "--control-image")
        self.swan("image", "--from", "first.png", "--control-image", FOX, "-o", "again.png")
        self.same_bytes("first.png", "again.png")
        self.swan("image", "--from", "first.png", "--control-image", FOX, "--control-scale", "0", "-o", "other.png")
        self.assertNotEqual(read_png(self.folder / "first.png"), read_png(self.folder / "other.png"))

    def test_prompts_of_a_file_share_the_control(self):
        (self.folder / "list.txt").write_text("a cat\na dog\n", encoding="utf-8")
        self.swan("image", "--prompts", "list.txt", *SMALL, "--model", WHOLE, "--control-image", FOX, "--save-control",
                  "seen.png")
        self.assertEqual(self.files(), ["list.txt", "out_0.png", "out_1.png", "seen.png"])

    def test_what_does_not_fit_is_refused(self):
        run = ["image", "a fox", *SMALL]
        refused = ((["--model", SANA, "--control-image", FOX], 2, "without a ControlNet"),
                   (["--control-image", FOX], 2, "without a ControlNet"),
                   (["--model", WHOLE], 2, "no control image was given"),
                   (["--model", SANA, "--controlnet", "nowhere", "--control-image", FOX], 1, "no such folder"),
                   (["--controlnet", CONTROLNET, "--control-image", FOX], 1, "was not made for this model"),
                   (["--model", str(GOLDEN / "models" / "sana_sprint"), "--controlnet", CONTROLNET, "--control-image", FOX],
                    1, "SanaSprintPipeline"),
                   (["--model", WHOLE, "--control-image", FOX, "--save-control", "seen.gif"], 2, "seen.gif"),
                   (["--model", WHOLE, "--control-image", FOX, "-n", "2", "--save-control", "out_1.png"], 2,
                    "which a picture of the run has"),
                   (["--model", WHOLE, "--control-image", FOX, "--save-control", "no/seen.png"], 1, "no/seen.png"))
        for options, code, part in refused:
            self.assertOneMessage(self.swan(*run, *options, expect=code), part)
        self.assertEqual(self.files(), [])


if __name__ == "__main__":
    unittest.main()
