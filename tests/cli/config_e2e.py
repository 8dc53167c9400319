"""swan config, --config, --set, --env, and the presets that come with Swan."""

import argparse
import json
import os
import sys
import unittest

from swan_program import PROGRAM, QUICK, SOURCE, ProgramTest, png_settings

CONFIGS = SOURCE / "configs"
sys.path.insert(0, str(SOURCE / "tools"))
import config_section  # noqa: E402


class Config(ProgramTest):
    def write(self, name, text):
        (self.folder / name).write_text(text)
        return name

    def shown(self, *arguments):
        return json.loads(self.swan("config", "show", "--format", "json", *arguments).out)

    def test_the_published_schema_is_the_programs(self):
        self.assertEqual(self.swan("config", "schema").out, (CONFIGS / "swan.schema.json").read_text(),
                         "options have changed; write it anew: build/release/swan config schema > configs/swan.schema.json")

    def test_every_preset_is_good_and_says_its_schema(self):
        presets = sorted(CONFIGS.glob("*.yaml"))
        self.assertGreater(len(presets), 15)
        self.swan("config", "validate", *map(str, presets))
        for preset in presets:
            self.assertTrue(preset.read_text().startswith("# yaml-language-server: $schema=swan.schema.json\n# "), preset)

    def test_the_example_of_the_documentation(self):
        text = (SOURCE / "docs" / "CONFIG.md").read_text().split("```yaml\n")[1].split("```")[0]
        self.assertIn("${env:HOME}", text)
        self.swan("config", "validate", self.write("studio.yaml", text))
        shown = self.shown("--config", "studio.yaml", "--env", "dev")
        self.assertEqual(shown["model"]["lora"], [os.environ["HOME"] + "/loras/ink.safetensors:0.8"])
        self.assertEqual(shown["sampling"]["num_inference_steps"], 4)

    def test_presets_inherit_and_name_their_models(self):
        sprint = self.shown("--config", "sana-sprint-1.6b")
        self.assertEqual(sprint["model"]["model"], "Efficient-Large-Model/Sana_Sprint_1.6B_1024px_diffusers")
        self.assertEqual((sprint["sampling"]["num_inference_steps"], sprint["sampling"]["guidance_scale"]), (2, 4.5))
        self.assertEqual(self.shown("--config", "sana-4k")["model"]["variant"], "bf16")
        fast = self.shown("--config", "preset:fastwan-2.1-t2v-14b")["sampling"]
        self.assertNotIn("num_inference_steps", fast)  # the preset's
        mixed = self.shown("--config", "wan-2.1-t2v-14b", "--config", "wan-lightx2v")["sampling"]
        self.assertEqual((mixed["width"], mixed["preset"]), (1280, "lightx2v"))
        self.assertNotIn("flow_shift", mixed)

    def test_show_names_the_origin_of_each_value(self):
        self.write("c.yaml", "extends: preset:sana-base\nsampling:\n  guidance_scale: ${env:SCALE:-3}\n"
                             "environments:\n  prod:\n    model: {dtype: bf16}\n")
        out = self.swan("config", "show", "--config", "c.yaml", "--env", "prod", "--set", "sampling.seed=7", "--origin",
                        env={**os.environ, "SWAN__MEMORY__THREADS": "2"}).out
        for line in ("  guidance_scale: 3  # c.yaml:3:19, over ", "  dtype: bf16  # c.yaml:6:20", "  seed: 7  # --set",
                     "  threads: 2  # $SWAN__MEMORY__THREADS", "  image: out.png  # default",
                     "#    4 c.yaml, environment prod"):
            self.assertIn(line, out)

    def test_what_init_writes_is_good_and_stays(self):
        self.swan("config", "init")
        text = (self.folder / "swan.yaml").read_text()
        self.swan("config", "validate", "swan.yaml")
        self.assertEqual(self.shown("--config", "swan.yaml"), self.shown())
        outcome = self.swan("config", "init", expect=2)
        self.assertOneMessage(outcome, "'swan.yaml': it is there already")
        self.assertEqual((self.folder / "swan.yaml").read_text(), text)
        # Without the marks before keys every example is a value that its key takes.
        lines = ["  " + line[3:] if line.startswith("  #") and line[3] != " " else line for line in text.splitlines()
                 if not line.startswith("#")]
        self.assertGreater(len(lines), 100)
        self.write("all.yaml", "\n".join(lines) + "\n")
        self.swan("config", "validate", "all.yaml")

    def test_init_writes_nowhere_else(self):
        self.assertOneMessage(self.swan("config", "init", "none/x.yaml", expect=1), "cannot write 'none/x.yaml'")
        self.swan("config", "init", "a.yaml", "b.yaml", expect=2)
        self.assertEqual(self.files(), [])

    def test_usage(self):
        for arguments, says in ((["config"], "what to do is missing"), (["config", "shwo"], "did you mean show?"),
                                (["config", "validate"], "a file is missing"),
                                (["config", "schema", "--origin"], "--origin is for 'swan config show'"),
                                (["config", "show", "x.yaml"], "name files with --config"),
                                (["config", "show", "--format", "xml"], "--format is 'xml'"),
                                (["config", "show", "--set", "samplng.seed=1"], "did you mean sampling.seed?")):
            self.assertOneMessage(self.swan(*arguments, expect=2), says)

    def test_a_picture_from_a_configuration_is_that_of_its_options(self):
        self.write("c.yaml", "prompt: {prompt: a red apple}\nsampling: {num_inference_steps: 2, seed: 7}\n")
        self.swan("image", "a red apple", *QUICK, "-o", "typed.png")
        self.swan("image", "--config", "c.yaml", "-o", "configured.png")
        typed = (self.folder / "typed.png").read_bytes()
        self.assertEqual((self.folder / "configured.png").read_bytes(), typed)
        # What a picture says of itself is stronger than files, and options are stronger than it.
        self.write("other.yaml", "sampling: {num_inference_steps: 3, seed: 8, guidance_scale: 1}\n")
        self.swan("image", "--from", "typed.png", "--config", "other.yaml", "-o", "again.png")
        self.assertEqual((self.folder / "again.png").read_bytes(), typed)
        self.swan("image", "--from", "typed.png", "--config", "other.yaml", "--steps", "1", "-o", "one.png")
        self.assertEqual(png_settings(self.folder / "one.png")["num_inference_steps"], 1)
        self.assertEqual(png_settings(self.folder / "one.png")["seed"], 7)

    def test_python_tools_read_their_section(self):
        self.write("t.yaml", "training: {minutes: 3, span: [0, 0.5], out: here, lr: 0.002}\nevaluation: {only: a, runs: 2}\n")
        path = str(self.folder / "t.yaml")

        def parsed(section, *typed):
            parser = argparse.ArgumentParser()
            parser.add_argument("--minutes", type=float, required=True)
            parser.add_argument("--span", type=float, nargs=2, default=(0.0, 1.0))
            parser.add_argument("--lr", type=float, default=1e-3)
            parser.add_argument("--runs", type=int, default=5)
            parser.add_argument("--only", choices=list("abcdef"), action="append")
            argv, sys.argv = sys.argv, ["tool", *typed]
            try:
                return config_section.parse_args(parser, section, PROGRAM)
            finally:
                sys.argv = argv

        training = parsed("training", "--config", path, "--lr", "0.5")
        self.assertEqual((training.minutes, training.span, training.lr), (3, [0, 0.5], 0.5))
        evaluation = parsed("evaluation", "--config", path, "--minutes", "1")
        self.assertEqual((evaluation.only, evaluation.runs), (["a"], 2))
        self.assertEqual(parsed("training", "--minutes", "1").lr, 1e-3)

    def test_the_arguments_of_python_tools_are_in_the_schema(self):
        """Each key of training and evaluation is an argument of the tools, with its type."""
        schema = json.loads((CONFIGS / "swan.schema.json").read_text())["definitions"]
        texts = {"training": ["tools/default_models/train_ae.py", "tools/default_models/train_dit.py"],
                 "evaluation": ["bench/run.py"]}
        for section, files in texts.items():
            source = "".join((SOURCE / name).read_text() for name in files)
            for key in schema[section]["properties"]:
                self.assertIn('"--' + key.replace("_", "-") + '"', source, key)


if __name__ == "__main__":
    os.environ.pop("SWAN_ENV", None)
    unittest.main()
