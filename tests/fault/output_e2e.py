"""Places that cannot be written to: said before the long run where it can be known, and never a partial file."""

import os
import pathlib
import subprocess
import unittest

from swan_program import PROGRAM, QUICK, ProgramTest, default_signals, read_png

class Output(ProgramTest):
    def refuses(self, *arguments, says):
        outcome = self.swan("image", "a red apple", *QUICK, *arguments, expect=1)
        self.assertOneMessage(outcome, *says)
        self.assertNotIn("denoise", outcome.err, "it is known before the run")

    def test_missing_folder(self):
        self.refuses("-o", "none/out.png", says=("none/out.png", "'none' does not exist"))
        self.refuses("--save-latents", "none/l.safetensors", says=("none/l.safetensors", "'none' does not exist"))
        self.assertEqual(self.files(), [])

    def test_a_file_as_folder(self):
        (self.folder / "file").write_text("x")
        self.refuses("-o", "file/out.png", says=("'file' is not a folder",))
        self.assertEqual(self.files(), ["file"])

    def test_a_folder_as_file(self):
        (self.folder / "out.png").mkdir()
        outcome = self.swan("image", "a red apple", *QUICK, expect=2)
        self.assertOneMessage(outcome, "cannot write 'out.png': it is a folder")

    def test_a_folder_that_takes_no_files(self):
        if not pathlib.Path("/proc/self").is_dir():
            self.skipTest("there is no /proc")
        self.refuses("-o", "/proc/self/out.png", says=("/proc/self/out.png", "takes no new files"))

    def test_a_read_only_folder(self):
        if os.geteuid() == 0:
            self.skipTest("permissions do not stop root")
        self.folder.chmod(0o500)
        self.addCleanup(self.folder.chmod, 0o700)
        self.refuses(says=("Permission denied",))

    def test_disk_full(self):
        for name in ("new.png", "old.png", "new.webp", "new.jpg"):
            with self.subTest(name):
                done = self.on_a_small_disk("image", "a red apple", *QUICK, "-o", name, old="old.png")
                self.assertEqual(done.returncode, 1, done)
                self.assertRegex(done.stderr, rf"(?m)^swan: .*{name}.*No space left on device")
                # Nothing but the old file, as it was.
                self.assertEqual(done.stdout, "left: old.png 21\n")

    def test_disk_full_while_saving_latents(self):
        done = self.on_a_small_disk("image", "a red apple", *QUICK, "-n", "2", "--save-latents", "l.safetensors", "-o",
                                    self.folder / "out.png", old="old.png")
        self.assertEqual(done.returncode, 1, done)
        self.assertRegex(done.stderr, r"(?m)^swan: .*l\.safetensors.*No space left on device")
        self.assertEqual(done.stdout, "left: old.png 21\n")

    def test_standard_output_on_a_full_disk(self):
        if not pathlib.Path("/dev/full").exists():
            self.skipTest("there is no /dev/full")
        with open("/dev/full", "wb") as full:
            outcome = self.swan("image", "a red apple", *QUICK, "--json", expect=1, stdout=full)
        self.assertOneMessage(outcome, "cannot write to standard output: No space left on device")
        self.assertEqual(self.files(), ["out.png"])

    def test_closed_standard_streams(self):
        """A file that is opened must not become the place where reports go."""
        for closed in (">&-", "2>&-", "<&- >&- 2>&-"):
            with self.subTest(closed):
                done = subprocess.run(["sh", "-c", f'"$@" {closed}', "sh", PROGRAM, "image", "a red apple", *QUICK],
                                      cwd=self.folder, timeout=240, check=False, capture_output=True)
                self.assertEqual(done.returncode, 0, done)
                self.assertEqual(read_png(self.folder / "out.png")[:2], (256, 256))
                (self.folder / "out.png").unlink()

    def test_readers_that_go_away(self):
        process = self.start("image", "a red apple", *QUICK)
        process.stdout.close()
        process.stderr.close()
        self.assertEqual(process.wait(timeout=240), 0)
        self.assertEqual(read_png(self.folder / "out.png")[:2], (256, 256))


if __name__ == "__main__":
    unittest.main()
