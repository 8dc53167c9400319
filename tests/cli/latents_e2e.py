"""Latents in and out."""

import random
import struct
import unittest

from swan_program import QUICK, ProgramTest, read_png, read_safetensors, write_safetensors


def noise(count, seed):
    source = random.Random(seed)
    return struct.pack(f"<{count}f", *(source.gauss(0, 1) for _ in range(count)))


class Latents(ProgramTest):
    def test_given_noise_replaces_the_seed(self):
        write_safetensors(self.folder / "noise.safetensors", {"latents": ("F32", [1, 32, 8, 8], noise(2048, 1))})
        write_safetensors(self.folder / "other.safetensors", {"latents": ("F32", [1, 32, 8, 8], noise(2048, 2))})
        for seed, source, name in (("1", "noise", "a"), ("2", "noise", "b"), ("1", "other", "c")):
            self.swan("image", "a red apple", "--steps", "2", "--seed", seed, "--latents", f"{source}.safetensors", "-o",
                      f"{name}.png")
        a, b, c = (read_png(self.folder / f"{name}.png") for name in "abc")
        self.assertEqual(a, b)
        self.assertNotEqual(a, c)

    def test_saved_latents_have_shape_and_values(self):
        report = self.json_line(self.swan("image", "a red apple", *QUICK, "-n", "2", "--save-latents", "l.safetensors",
                                          "--json"))
        self.assertEqual(report["latents"], "l.safetensors")
        self.assertEqual(self.files(), ["l.safetensors", "out_0.png", "out_1.png"])
        tensors = read_safetensors(self.folder / "l.safetensors")
        self.assertEqual(set(tensors), {"latents"})
        dtype, shape, data = tensors["latents"]
        self.assertEqual((dtype, shape), ("F32", [2, 32, 8, 8]))
        values = struct.unpack(f"<{2 * 2048}f", data)
        self.assertTrue(all(abs(v) < 100 for v in values))
        self.assertGreater(len(set(values)), 4000)

    def test_wrong_latents_are_refused(self):
        write_safetensors(self.folder / "shape.safetensors", {"latents": ("F32", [1, 32, 8, 4], noise(1024, 1))})
        write_safetensors(self.folder / "name.safetensors", {"noise": ("F32", [1, 32, 8, 8], noise(2048, 1))})
        (self.folder / "cut.safetensors").write_bytes((self.folder / "name.safetensors").read_bytes()[:1000])
        before = self.files()
        for name, parts in (("shape", ("[1, 32, 8, 4]", "[1, 32, 8, 8]")), ("name", ("latents", "noise")),
                            ("cut", ("cut.safetensors",)), ("none", ("none.safetensors",))):
            outcome = self.swan("image", "a red apple", *QUICK, "--latents", f"{name}.safetensors",
                                expect=2 if name == "shape" else 1)
            self.assertOneMessage(outcome, *parts)
        self.assertEqual(self.files(), before)

    def test_latents_that_are_not_numbers_are_refused(self):
        nan = struct.pack("<f", float("nan")) + noise(2047, 1)
        write_safetensors(self.folder / "nan.safetensors", {"latents": ("F32", [1, 32, 8, 8], nan)})
        outcome = self.swan("image", "a red apple", *QUICK, "--latents", "nan.safetensors", expect=1)
        self.assertOneMessage(outcome, "--latents 'nan.safetensors': 1 of 2048 values are NaN or infinite")
        self.assertEqual(self.files(), ["nan.safetensors"])

    def test_pictures_made_from_given_noise_are_repeated_with_it(self):
        write_safetensors(self.folder / "noise.safetensors", {"latents": ("F32", [1, 32, 8, 8], noise(2048, 1))})
        self.swan("image", "a red apple", *QUICK, "--latents", "noise.safetensors", "-o", "a.png")
        self.assertOneMessage(self.swan("image", "--from", "a.png", expect=2), "latents")
        self.swan("image", "--from", "a.png", "--latents", "noise.safetensors", "-o", "b.png")
        self.assertEqual((self.folder / "a.png").read_bytes(), (self.folder / "b.png").read_bytes())


if __name__ == "__main__":
    unittest.main()
