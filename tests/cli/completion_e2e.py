"""Completion scripts, in the shells that this machine has."""

import shutil
import subprocess
import unittest

from swan_program import ProgramTest


class Completion(ProgramTest):
    def script(self, shell):
        path = self.folder / f"swan.{shell}"
        path.write_text(self.swan("completion", shell).out)
        return path

    def shell(self, name, text):
        if shutil.which(name) is None:
            self.skipTest(f"{name} is not installed")
        done = subprocess.run([name, "-c", text], cwd=self.folder, capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def bash_words(self, *typed):
        path = self.script("bash")
        words = " ".join(f"'{word}'" for word in typed)
        return self.shell("bash", f"source '{path}'; COMP_WORDS=({words}); COMP_CWORD={len(typed) - 1}; _swan; "
                                  'printf "%s\\n" "${COMPREPLY[@]}"').split()

    def test_bash_loads_and_registers(self):
        path = self.script("bash")
        self.shell("bash", f"bash -n '{path}'")
        self.assertIn("-F _swan swan", self.shell("bash", f"source '{path}'; complete -p swan"))

    def test_bash_completes(self):
        self.assertEqual(self.bash_words("swan", ""), ["image", "video", "embed", "info", "convert", "pull", "push", "card", "config", "serve", "completion"])
        self.assertEqual(self.bash_words("swan", "image", "--gu"), ["--guidance-scale"])
        self.assertEqual(self.bash_words("swan", "image", "--dtype", ""), ["auto", "f32", "bf16", "f16", "fp8"])
        self.assertEqual(self.bash_words("swan", "image", "--dtype", "=", "b"), ["bf16"])
        self.assertEqual(self.bash_words("swan", "video", "--num-f"), ["--num-frames"])
        self.assertEqual(self.bash_words("swan", "video", "--interpolation", "s"), ["spherical"])
        self.assertEqual(self.bash_words("swan", "embed", "--kind", ""), ["image", "video"])
        self.assertEqual(self.bash_words("swan", "completion", "z"), ["zsh"])
        self.assertIn("swan.bash", self.bash_words("swan", "image", "-o", "swan."))

    def test_zsh_parses(self):
        path = self.script("zsh")
        self.assertTrue(path.read_text().startswith("#compdef swan\n"))
        self.shell("zsh", f"zsh -n '{path}'")

    def test_fish_completes(self):
        path = self.script("fish")
        words = self.shell("fish", f"source '{path}'; complete -C 'swan image --dtype '")
        self.assertEqual(sorted(line.split("\t")[0] for line in words.splitlines()), ["auto", "bf16", "f16", "f32", "fp8"])

    def test_other_shells(self):
        self.assertOneMessage(self.swan("completion", "tcsh", expect=2), "bash, zsh and fish")


if __name__ == "__main__":
    unittest.main()
