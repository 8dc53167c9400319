"""Ctrl-C: the run stops within a step, exit code 130, and leaves nothing."""

import json
import signal
import time
import unittest

from swan_program import ProgramTest

LONG = ["image", "a red apple", "--steps", "1000", "--seed", "1"]


class Signals(ProgramTest):
    def stop(self, number, *arguments):
        """Sends a signal after the first step. Returns what came on standard output and error afterwards."""
        process = self.start(*LONG, *arguments)
        self.wait_for(process, "denoise")
        process.send_signal(number)
        sent = time.monotonic()
        out, err = process.communicate(timeout=60)
        self.assertLess(time.monotonic() - sent, 20, "a thousand steps take longer; one does not")
        self.assertEqual(process.returncode, 130, err)
        return out, err

    def test_ctrl_c_while_denoising(self):
        out, err = self.stop(signal.SIGINT, "--save-latents", "l.safetensors")
        self.assertEqual(out, "")
        self.assertIn("swan: stopping", err)
        self.assertRegex(err, r"(?m)^swan: .*cancel")
        self.assertEqual(self.files(), [])

    def test_sigterm_is_the_same(self):
        self.stop(signal.SIGTERM)
        self.assertEqual(self.files(), [])

    def test_json_says_so(self):
        out, _ = self.stop(signal.SIGINT, "--json")
        self.assertEqual(json.loads(out)["error"]["code"], "cancelled")
        self.assertEqual(out.count("\n"), 1)

    def test_an_earlier_picture_stays(self):
        (self.folder / "out.png").write_text("the picture of yesterday")
        self.stop(signal.SIGINT)
        self.assertEqual(self.files(), ["out.png"])
        self.assertEqual((self.folder / "out.png").read_text(), "the picture of yesterday")

    def test_ctrl_c_at_any_moment(self):
        """From before the program has read its arguments to the last steps."""
        for delay in (0.0, 0.01, 0.03, 0.1, 0.2, 0.4, 0.8):
            with self.subTest(delay=delay):
                process = self.start(*LONG, "--quiet")
                time.sleep(delay)
                process.send_signal(signal.SIGINT)
                process.communicate(timeout=60)
                # Before main the system's own answer to the signal holds.
                self.assertIn(process.returncode, (130, -signal.SIGINT))
                self.assertEqual(self.files(), [])

    def test_an_ignored_ctrl_c_stays_ignored(self):
        """As for a job that a script started with "&"."""
        process = self.start("image", "a red apple", "--steps", "2", program_ignores=signal.SIGINT)
        self.wait_for(process, "encode")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=240)
        self.assertEqual(process.returncode, 0)
        self.assertEqual(self.files(), ["out.png"])


if __name__ == "__main__":
    unittest.main()
