"""Help, version, and where they go."""

import re
import unittest

from swan_program import ProgramTest


class Help(ProgramTest):
    def test_version(self):
        self.assertRegex(self.swan("--version").out, r"\Aswan \d+\.\d+\.\d+\n\Z")

    def test_every_command_explains_itself(self):
        for command in ([], ["image"], ["info"], ["completion"]):
            outcome = self.swan(*command, "--help")
            self.assertEqual(outcome.err, "")
            self.assertIn("Usage: swan " + " ".join(command), outcome.out)
            self.assertRegex(outcome.out, r"Examples:\n  .*\bswan ")
            self.assertEqual(outcome.out, self.swan(*command, "-h").out)

    def test_fixed_options_are_there(self):
        text = self.swan("image", "--help").out
        for option in ("--model", "--prompt", "--negative-prompt", "-o, --output", "--width", "--height",
                       "--steps, --num-inference-steps", "--guidance-scale", "--seed", "-n, --num-images", "--scheduler",
                       "--dtype", "--device", "--threads", "--latents", "--save-latents", "--complex-instruction",
                       "--max-sequence-length", "--variant", "--no-resolution-binning", "--from", "--json", "--quiet",
                       "--verbose"):
            self.assertRegex(text, r"(?m)^  " + re.escape(option) + r"\b")

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
