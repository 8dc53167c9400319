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
        self.refuses("video", "a fox", "--frames", "9", says="did you mean --num-frames?")
        self.refuses("image", "a fox", "--shift", "3", says="did you mean --flow-shift?")
        self.refuses("image", "a fox", "--crf", "3", says="unknown option '--crf'; 'swan video' has it")

    def test_unknown_commands_suggest_the_nearest(self):
        self.refuses("imag", "a fox", says="did you mean 'swan image'?")
        self.refuses("a fox", says="to draw it: swan image")

    def test_missing_prompt(self):
        for command in ("image", "video", "embed"):
            self.refuses(command, says="the prompt is missing")

    def test_unquoted_prompt(self):
        self.refuses("image", "a", "red", "fox", says="in one pair of quotes")

    def test_bad_values(self):
        for option, value in (("--steps", "0"), ("--steps", "1001"), ("--steps", "two"), ("--width", "-1"),
                              ("--height", "12.5"), ("--guidance-scale", "inf"), ("--guidance-scale", "high"),
                              ("--seed", "-1"), ("--seed", "1;2"), ("--num-images", "0"), ("--threads", "0"),
                              ("--max-sequence-length", "0"), ("--dtype", "int8"), ("--scheduler", "magic"),
                              ("--device", "tpu")):
            self.refuses("image", "a fox", option, value, says=f"{option} is '{value}'")

    def test_bad_values_of_videos(self):
        for option, value in (("--num-frames", "0"), ("--num-frames", "10001"), ("--num-videos", "0"), ("--fps", "0"),
                              ("--fps", "fast"), ("--crf", "0"), ("--crf", "52"), ("--flow-shift", "0"),
                              ("--width", "0"), ("--height", "100000"), ("--sigmas", "1,"), ("--timesteps", "all"),
                              ("--sigma-schedule", "cosine"), ("--preset", "slow")):
            self.refuses("video", "a fox", option, value, says=f"{option} is '{value}'")

    def test_contradictions(self):
        self.refuses("image", "a fox", "--prompt-to", "a dog", says="--interpolate")
        self.refuses("image", "--interpolate", "3", "--prompt-to", "a dog", says="the prompt is missing")
        self.refuses("image", "a fox", "--prompt-embeds", "e.safetensors", says="takes the place of the prompt")
        self.refuses("image", "a fox", "--prompts", "-", says="given twice")
        self.refuses("video", "a fox", "-o", "fox.gif", "--crf", "20", says="--crf is for .mp4 and .webm")
        self.refuses("image", "a fox", "--sigmas", "1,0.5", "--timesteps", "1000,500", says="cannot both be given")
        self.refuses("image", "a fox", "--sigmas", "1,0.5", "--steps", "3", says="--sigmas has 2 values, but --steps is 3")
        self.refuses("image", "a fox", "--preset", "fastwan", says="'swan video' has it")
        self.refuses("image", "a fox", "--controlnet", "edges", says="--controlnet needs --control-image FILE")
        self.refuses("video", "a fox", "--control-image", "fox.png", says="'swan image' has it")

    def test_lists_that_are_no_schedule(self):
        for sigmas, says in (("0.5,1", "must be below the one before it"), ("1,0.5,0", "ends with 0"), ("2,1", "up to 1")):
            self.assertOneMessage(self.swan("image", "a fox", "--sigmas", sigmas, expect=2), says)
        self.assertOneMessage(self.swan("image", "a fox", "--timesteps", "900,100", expect=1), "give sigmas instead")
        self.assertOneMessage(self.swan("image", "a fox", "--sigma-schedule", "beta", expect=1), "flow-euler")

    def test_devices(self):
        self.refuses("image", "a fox", "--device", "cuda:-1", says="--device cuda:N is '-1'")
        self.refuses("image", "a fox", "--device", "tpu", says="must be one of auto, cpu, cuda")

    def test_a_gpu_that_is_not_there(self):
        outcome = self.swan("image", "a fox", "--device", "cuda:63", expect=1)
        self.assertOneMessage(outcome, "--device cpu" if "CUDA" in outcome.err else "use auto or cpu")

    def test_text_that_is_not_utf8(self):
        self.refuses("image", os.fsdecode(b"caf\xe9"), says="argument 2 is not UTF-8 at byte 3")

    def test_json_reports_usage_errors_too(self):
        error = self.json_line(self.swan("image", "--json", expect=2))["error"]
        self.assertEqual(error["code"], "usage")
        self.assertIn("the prompt is missing", error["message"])

    def test_unknown_extension(self):
        for command, known in (("image", ".png"), ("video", ".mp4")):
            outcome = self.swan(command, "a fox", "-o", "fox.bmp", expect=2)
            self.assertOneMessage(outcome, "fox.bmp", known)
        self.assertEqual(self.files(), [])


if __name__ == "__main__":
    unittest.main()
