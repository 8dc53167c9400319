"""Wrong usage: exit code 2, a message that helps, and nothing done."""

import os
import time
import unittest

from swan_program import ProgramTest


class Usage(ProgramTest):
    def refuses(self, *arguments, says):
        started = time.monotonic()
        outcome = self.swan(*arguments, expect=2)
        self.assertLess(time.monotonic() - started, 5, "it is known before any model is loaded")
        self.assertEqual(outcome.out, "")
        self.assertOneMessage(outcome, says)
        self.assertIn("--help' for help.", outcome.err)
        self.assertEqual(self.files(), [])

    def test_unknown_options_suggest_the_nearest(self):
        self.refuses("image", "a fox", "--guidence-scale", "5", says="did you mean --guidance-scale?")
        self.refuses("image", "a fox", "--num-step", "5", says="unknown option '--num-step'")
        self.refuses("image", "a fox", "--hight=64", says="did you mean --height?")
        self.refuses("info", "--jsno", says="did you mean --json?")

    def test_unknown_commands_suggest_the_nearest(self):
        self.refuses("imag", "a fox", says="did you mean 'swan image'?")
        self.refuses("a fox", says="to draw it: swan image")

    def test_missing_prompt(self):
        self.refuses("image", says="the prompt is missing")

    def test_unquoted_prompt(self):
        self.refuses("image", "a", "red", "fox", says="in one pair of quotes")

    def test_bad_values(self):
        for option, value in (("--steps", "0"), ("--steps", "1001"), ("--steps", "two"), ("--width", "-1"),
                              ("--height", "12.5"), ("--guidance-scale", "inf"), ("--guidance-scale", "high"),
                              ("--seed", "-1"), ("--seed", "1;2"), ("--num-images", "0"), ("--threads", "0"),
                              ("--max-sequence-length", "0"), ("--dtype", "int8"), ("--scheduler", "magic"),
                              ("--device", "tpu")):
            self.refuses("image", "a fox", option, value, says=f"{option} is '{value}'")

    def test_cuda_is_not_in_this_build(self):
        self.refuses("image", "a fox", "--device", "cuda", says="this build has no CUDA")

    def test_text_that_is_not_utf8(self):
        self.refuses("image", os.fsdecode(b"caf\xe9"), says="argument 2 is not UTF-8 at byte 3")

    def test_json_reports_usage_errors_too(self):
        error = self.json_line(self.swan("image", "--json", expect=2))["error"]
        self.assertEqual(error["code"], "usage")
        self.assertIn("the prompt is missing", error["message"])

    def test_unknown_extension(self):
        outcome = self.swan("image", "a fox", "-o", "fox.bmp", expect=2)
        self.assertOneMessage(outcome, "fox.bmp", ".png")
        self.assertEqual(self.files(), [])


if __name__ == "__main__":
    unittest.main()
