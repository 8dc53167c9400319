"""Help, version, and where they go."""

import re
import unittest

from swan_program import ProgramTest


class Help(ProgramTest):
    def test_version(self):
        self.assertRegex(self.swan("--version").out, r"\Aswan \d+\.\d+\.\d+\n\Z")

    def test_every_command_explains_itself(self):
        for command in ([], ["image"], ["video"], ["embed"], ["info"], ["completion"]):
            outcome = self.swan(*command, "--help")
            self.assertEqual(outcome.err, "")
            self.assertIn("Usage: swan " + " ".join(command), outcome.out)
            self.assertRegex(outcome.out, r"Examples:\n  .*\bswan ")
            self.assertEqual(outcome.out, self.swan(*command, "-h").out)

    def has_options(self, command, *options):
        text = self.swan(command, "--help").out
        for option in options:
            self.assertRegex(text, r"(?m)^  " + re.escape(option) + r"\b")

    def test_fixed_options_are_there(self):
        model = ("--model", "--variant", "--dtype", "--device", "--memory-budget", "--threads",
                 "--embed-cache")
        report = ("-o, --output", "--json", "--quiet", "--verbose")
        shared = ("--prompt", "--negative-prompt", "--prompts", "--prompt-embeds", "--prompt-to", "--interpolate",
                  "--interpolation", "--max-sequence-length", "--from", "--width", "--height",
                  "--steps, --num-inference-steps", "--guidance-scale", "--seed", "--scheduler", "--flow-shift",
                  "--sigma-schedule", "--sigmas", "--timesteps",
                  "--latents", "--save-latents", "--lora", "--lora-lenient", "--fuse-lora")
        self.has_options("image", *model, *report, *shared, "-n, --num-images", "--complex-instruction",
                         "--no-resolution-binning", "--image", "--strength", "--max-timesteps",
                         "--intermediate-timesteps", "--pag-scale",
                         "--pag-adaptive-scale", "--pag-layers", "--controlnet", "--control-image", "--control-preprocess",
                         "--control-scale", "--save-control")
        self.has_options("video", *model, *report, *shared, "-n, --num-videos", "--num-frames", "--fps", "--crf",
                         "--preset")
        self.has_options("embed", *model, *report, "--prompt", "--negative-prompt", "--kind", "--max-sequence-length",
                         "--complex-instruction")

    def test_help_lists_the_schedulers(self):
        self.assertRegex(self.swan("image", "--help").out, r"dpmsolver\+\+")

    def test_a_reader_that_goes_away_is_no_crash(self):
        process = self.start("image", "--help")
        process.stdout.close()
        self.assertEqual(process.wait(timeout=60), 0)
        self.assertEqual(process.stderr.read(), "")

    def test_no_command(self):
        outcome = self.swan(expect=2)
        self.assertEqual(outcome.out, "")
        self.assertOneMessage(outcome, "a command is missing")


if __name__ == "__main__":
    unittest.main()
