"""swan image and swan video with another decoder: --vae."""

import random
import struct
import unittest

from swan_program import QUICK, SOURCE, WAN, ProgramTest, film, png_settings, read_png, write_safetensors

GOLDEN = SOURCE / "tests" / "golden"
SANA = ["--model", str(GOLDEN / "models" / "sana"), "--no-resolution-binning", "--complex-instruction", "none", *QUICK,
        "--width", "64", "--height", "96"]


def tiny(path, latents, stages, grow=None):
    """The decoder of a tiny autoencoder with random weights: taesana's layout, or with grow taew2_1's."""
    draw = random.Random(3)
    tensors = {}

    def add(name, *shape):
        count = 1
        for side in shape:
            count *= side
        size = 1 if len(shape) == 1 else (count / shape[0]) ** -0.5
        tensors[name] = ("F32", list(shape), struct.pack(f"<{count}f", *(draw.gauss(0, size) for _ in range(count))))

    def block(at, channels):
        add(f"{at}.conv.0.weight", channels, 2 * channels if grow else channels, 3, 3)
        for part in (2, 4):
            add(f"{at}.conv.{part}.weight", channels, channels, 3, 3)
        for part in (0, 2, 4):
            add(f"{at}.conv.{part}.bias", channels)

    add("1.weight", 4, latents, 3, 3)
    add("1.bias", 4)
    at = 3
    for stage in range(stages):
        for _ in range(3):
            block(at, 4)
            at += 1
        at += 1
        if grow:
            add(f"{at}.conv.weight", 4 * grow[stage], 4, 1, 1)
            at += 1
        add(f"{at}.weight", 4, 4, 3, 3)
        at += 1
    if not grow:
        block(at, 4)
    at += 1
    add(f"{at}.weight", 3, 4, 3, 3)
    add(f"{at}.bias", 3)
    write_safetensors(path, {"decoder." + name: tensor for name, tensor in tensors.items()})


class Vae(ProgramTest):
    def test_a_tiny_decoder_makes_the_picture(self):
        tiny(self.folder / "taesana.safetensors", 8, 5)
        self.swan("image", "a red apple", *SANA, "-o", "plain.png", "--save-latents", "plain.safetensors")
        self.swan("image", "a red apple", *SANA, "-o", "tiny.png", "--save-latents", "tiny.safetensors", "--vae",
                  "taesana.safetensors")
        self.assertEqual((self.folder / "plain.safetensors").read_bytes(), (self.folder / "tiny.safetensors").read_bytes())
        self.assertEqual(read_png(self.folder / "tiny.png")[:2], (64, 96))
        self.assertNotEqual(read_png(self.folder / "tiny.png"), read_png(self.folder / "plain.png"))
        # The settings name it for good, and it can be left out again.
        self.assertEqual(png_settings(self.folder / "tiny.png")["vae"], str(self.folder.resolve() / "taesana.safetensors"))
        self.swan("image", "--from", "tiny.png", "-o", "again.png")
        self.assertEqual((self.folder / "again.png").read_bytes(), (self.folder / "tiny.png").read_bytes())
        self.swan("image", "--from", "tiny.png", "--vae", "none", "-o", "full.png")
        self.assertEqual(read_png(self.folder / "full.png"), read_png(self.folder / "plain.png"))

    def test_a_tiny_decoder_makes_the_clip(self):
        tiny(self.folder / "taew2_1.safetensors", 8, 3, grow=(1, 2, 2))
        self.swan("video", "a wave", *film(), "-o", "plain/")
        self.swan("video", "a wave", *film(), "-o", "tiny/", "--vae", "taew2_1.safetensors")
        self.assertEqual(self.files(self.folder / "tiny"), self.files(self.folder / "plain"))
        self.assertEqual(len(self.files(self.folder / "tiny")), 9)
        self.assertNotEqual(read_png(self.folder / "tiny" / "frame_0003.png"),
                            read_png(self.folder / "plain" / "frame_0003.png"))

    def test_a_folder_takes_the_place_of_the_models_own(self):
        vae = GOLDEN / "models" / "sana" / "vae"
        self.swan("image", "a red apple", *SANA, "-o", "plain.png")
        self.swan("image", "a red apple", *SANA, "-o", "same.png", "--vae", str(vae))
        self.assertEqual(read_png(self.folder / "same.png"), read_png(self.folder / "plain.png"))

    def test_what_does_not_fit_is_refused(self):
        tiny(self.folder / "small.safetensors", 4, 5)
        for vae, part in (("nowhere", "nowhere"), ("small.safetensors", "4 channels"),
                          (str(WAN / "vae"), "AutoencoderKLWan")):
            self.assertOneMessage(self.swan("image", "a red apple", *SANA, "--vae", vae, expect=1), part)
        self.assertOneMessage(self.swan("image", "a red apple", *SANA, "--vae", "", expect=2), "--vae is empty")
        self.assertOneMessage(self.swan("image", "a red apple", *SANA, "--taesd", "x", expect=2), "--vae")
        self.assertEqual(self.files(), ["small.safetensors"])


if __name__ == "__main__":
    unittest.main()
