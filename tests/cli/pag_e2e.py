"""swan image with perturbed-attention guidance."""

import unittest

from swan_program import SOURCE, ProgramTest, png_settings, read_png

GOLDEN = SOURCE / "tests" / "golden"
SANA = ["--model", str(GOLDEN / "models" / "sana"), "--no-resolution-binning", "--complex-instruction", "none"]
SMALL = [*SANA, "--width", "96", "--height", "64", "--seed", "7", "--steps", "2"]


class Pag(ProgramTest):
    def test_it_is_the_reference_picture(self):
        self.swan("image", "a white horse jumping", *SANA, "--negative-prompt", "night", "--width", "192", "--height", "160",
                  "--seed", "29", "--steps", "4", "--pag-scale", "2", "--pag-layers", "transformer_blocks.1")
        self.assertPicture("sana_pag")
        self.swan("image", "a white horse jumping", *SANA, "--width", "128", "--height", "128", "--seed", "31", "--steps",
                  "3", "--guidance-scale", "1", "--pag-scale", "3", "--pag-layers", "transformer_blocks.(0|2)")
        self.assertPicture("sana_pag_no_cfg")
        self.swan("image", "a beige dancer", *SANA, "--width", "128", "--height", "128", "--seed", "33", "--steps", "4",
                  "--pag-scale", "3", "--pag-adaptive-scale", "0.006", "--pag-layers", "transformer_blocks.1")
        self.assertPicture("sana_pag_adaptive")

    def assertPicture(self, case):
        found = read_png(self.folder / "out.png")
        expected = read_png(GOLDEN / "pipelines" / case / "image_0.png")
        self.assertEqual(found[:2], expected[:2])
        self.assertLessEqual(max(abs(a - b) for a, b in zip(found[2], expected[2])), 1, case)

    def test_it_is_repeated(self):
        self.swan("image", "a horse", *SMALL, "--pag-scale", "2.5", "--pag-layers", "blocks.2", "-o", "first.png")
        settings = png_settings(self.folder / "first.png")
        self.assertEqual((settings["pipeline"], settings["pag_scale"], settings["pag_applied_layers"]),
                         ("SanaPAGPipeline", 2.5, ["blocks.2"]))
        self.swan("image", "--from", "first.png", "-o", "again.png")
        self.assertEqual((self.folder / "first.png").read_bytes(), (self.folder / "again.png").read_bytes())
        self.swan("image", "--from", "first.png", "--pag-scale", "1", "-o", "other.png")
        self.assertNotEqual(read_png(self.folder / "first.png"), read_png(self.folder / "other.png"))

    def test_what_does_not_fit_is_refused(self):
        for options, code, part in ((["--pag-layers", "blocks.1"], 2, "pag_scale is 0"),
                                    (["--pag-scale", "3", "--pag-layers", "blocks.77"], 2, "finds none"),
                                    (["--pag-scale", "3", "--pag-layers", "(("], 2, "no regular expression"),
                                    (["--pag-scale", "3", "--model", str(GOLDEN / "models" / "sana_sprint")], 1,
                                     "SanaSprintPipeline")):
            kept = [*SMALL[2:]] if "--model" in options else SMALL
            self.assertOneMessage(self.swan("image", "a fox", *kept, *options, expect=code), part)
        self.assertEqual(self.files(), [])


if __name__ == "__main__":
    unittest.main()
