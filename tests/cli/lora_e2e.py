"""swan image --lora: LoRAs of files, in reports and settings, and what is wrong with them."""

import json
import shutil
import struct
import unittest

from swan_program import QUICK, SOURCE, ProgramTest, png_settings, read_png

GOLDEN = SOURCE / "tests" / "golden" / "models"
SANA = ["--model", str(GOLDEN / "sana"), "--width", "128", "--height", "128", "--no-resolution-binning", *QUICK]
LORA = GOLDEN / "lora_plain"


class LoraOption(ProgramTest):
    def test_changes_the_picture_and_repeats(self):
        self.swan("image", "a red cat", *SANA, "-o", "base.png")
        text = self.swan("image", "a red cat", *SANA, "--lora", f"{LORA}:0.5", "-o", "with.png").out
        self.assertIn(f"lora     {LORA}, scale 0.5: 76 tensors used, 0 not", text)
        self.assertNotEqual(read_png(self.folder / "base.png"), read_png(self.folder / "with.png"))
        self.assertEqual(png_settings(self.folder / "with.png")["loras"][0]["scale"], 0.5)
        report = self.json_line(self.swan("image", "--from", "with.png", "-o", "again.png", "--json"))
        self.assertEqual((self.folder / "with.png").read_bytes(), (self.folder / "again.png").read_bytes())
        self.assertEqual([lora["path"] for lora in report["loras"]], [str(LORA)])
        self.swan("image", "--from", "with.png", "--lora", "none", "-o", "without.png")
        self.assertEqual((self.folder / "base.png").read_bytes(), (self.folder / "without.png").read_bytes())

    def test_fused(self):
        self.swan("image", "a red cat", *SANA, "--lora", str(LORA), "--fuse-lora", "-o", "fused.png")
        self.assertTrue(png_settings(self.folder / "fused.png")["fuse_lora"])
        self.swan("image", "--from", "fused.png", "-o", "again.png")
        self.assertEqual((self.folder / "fused.png").read_bytes(), (self.folder / "again.png").read_bytes())

    def test_keys_of_nothing(self):
        data = (LORA / "pytorch_lora_weights.safetensors").read_bytes()
        size = struct.unpack("<Q", data[:8])[0]
        header = json.loads(data[8:8 + size])
        for end in ("A", "B"):
            entry = header.pop(f"transformer.transformer_blocks.0.attn1.to_q.lora_{end}.weight")
            header[f"transformer.transformer_blocks.0.attn1.to_x.lora_{end}.weight"] = entry
        changed = json.dumps(header).encode()
        (self.folder / "odd.safetensors").write_bytes(struct.pack("<Q", len(changed)) + changed + data[8 + size:])
        outcome = self.swan("image", "a red cat", *SANA, "--lora", "odd.safetensors", expect=1)
        self.assertOneMessage(outcome, "attn1.to_x.lora_A.weight")
        self.assertIn("--lora-lenient", outcome.err)
        outcome = self.swan("image", "a red cat", *SANA, "--lora", "odd.safetensors", "--lora-lenient")
        self.assertIn("74 tensors used, 2 not", outcome.out)
        self.assertIn("to_x", outcome.err)

    def test_files_that_are_none(self):
        self.assertOneMessage(self.swan("image", "a", *SANA, "--lora", "no.safetensors", expect=1), "no.safetensors")
        (self.folder / "text.safetensors").write_text("no weights", encoding="utf-8")
        self.assertOneMessage(self.swan("image", "a", *SANA, "--lora", "text.safetensors", expect=1), "text.safetensors")
        shutil.copytree(GOLDEN / "sana" / "vae", self.folder / "vae")
        self.assertOneMessage(self.swan("image", "a", *SANA, "--lora", "vae", expect=1), "pytorch_lora_weights")
        self.assertOneMessage(self.swan("image", "a", *SANA, "--lora", "a:2000", expect=2), "--lora FILE:SCALE")
        self.assertEqual(self.files(), ["text.safetensors", "vae"])


if __name__ == "__main__":
    unittest.main()
