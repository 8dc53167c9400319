"""swan info, on the embedded model and on copies of it that lack something."""

import shutil
import unittest

from swan_program import MODEL, ProgramTest


class Info(ProgramTest):
    def test_table(self):
        text = self.swan("info", MODEL).out
        self.assertIn("SanaPipeline", text)
        for component in ("transformer", "text_encoder", "vae", "tokenizer", "scheduler"):
            self.assertRegex(text, rf"(?m)^{component} .*\bcomplete$")
        self.assertRegex(text, r"(?m)^transformer +SanaTransformer2DModel +\d+\.\d\d M +f16 ")

    def test_json(self):
        report = self.json_line(self.swan("info", MODEL, "--json"))
        self.assertTrue(report["complete"])
        components = {component["name"]: component for component in report["components"]}
        self.assertEqual(set(components), {"transformer", "text_encoder", "vae", "tokenizer", "scheduler"})
        weights = MODEL / "transformer" / "diffusion_pytorch_model.safetensors"
        self.assertGreaterEqual(components["transformer"]["bytes"], weights.stat().st_size)
        self.assertEqual(report["parameters"], sum(c["parameters"] for c in report["components"]))
        # f16 weights are two bytes each, and hardly anything else is in the files.
        self.assertAlmostEqual(components["vae"]["parameters"] * 2 / components["vae"]["bytes"], 1, delta=0.05)

    def test_the_embedded_model_is_the_default(self):
        path = self.json_line(self.swan("info", "--json"))["path"]
        self.assertTrue(path.endswith("swan-emoji-256"), path)

    def test_what_is_missing_is_listed(self):
        copy = self.folder / "model"
        shutil.copytree(MODEL, copy)
        (copy / "vae" / "diffusion_pytorch_model.safetensors").unlink()
        (copy / "scheduler" / "scheduler_config.json").unlink()
        outcome = self.swan("info", copy, expect=1)
        self.assertRegex(outcome.out, r"(?m)^vae .*\bmissing$")
        self.assertRegex(outcome.out, r"(?ms)^vae lacks:$.*diffusion_pytorch_model\.safetensors")
        self.assertRegex(outcome.out, r"(?ms)^scheduler lacks:$.*scheduler_config\.json")
        report = self.json_line(self.swan("info", copy, "--json", expect=1))
        self.assertFalse(report["complete"])
        self.assertEqual({c["name"] for c in report["components"] if c["missing"]}, {"vae", "scheduler"})

    def test_no_such_folder(self):
        outcome = self.swan("info", "nowhere", expect=1)
        self.assertOneMessage(outcome, "nowhere")
        error = self.json_line(self.swan("info", "nowhere", "--json", expect=1))["error"]
        self.assertEqual(error["code"], "not_found")


if __name__ == "__main__":
    unittest.main()
