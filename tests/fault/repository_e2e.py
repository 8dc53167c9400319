"""Repositories that are missing, incomplete or damaged: the message names the file and what to do; nothing is written."""

import contextlib
import json
import os
import struct
import unittest

from swan_program import MODEL, QUICK, ProgramTest

WEIGHTS = {
    "transformer": "transformer/diffusion_pytorch_model.safetensors",
    "text_encoder": "text_encoder/model.safetensors",
    "vae": "vae/diffusion_pytorch_model.safetensors",
}


class Repository(ProgramTest):
    def setUp(self):
        super().setUp()
        self.model = self.folder / "model"
        for source in sorted(MODEL.rglob("*")):
            target = self.model / source.relative_to(MODEL)
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_file():
                os.symlink(source, target)

    def replace(self, name, content):
        """Puts other bytes in place of a linked file."""
        path = self.model / name
        path.unlink()
        path.write_bytes(content)

    def change_config(self, name, **changes):
        config = json.loads((self.model / name).read_text(encoding="utf-8"))
        config.update(changes)
        self.replace(name, json.dumps(config).encode())

    def fails(self, *parts, expect=1):
        outcome = self.swan("image", "a red apple", *QUICK, "--model", self.model, "--json", expect=expect, timeout=120)
        self.assertOneMessage(outcome, *parts)
        self.assertEqual(self.json_line(outcome)["error"]["message"],
                         next(line for line in outcome.err.splitlines() if line.startswith("swan: "))[len("swan: "):])
        self.assertEqual(self.files(), ["model"])
        return outcome

    @contextlib.contextmanager
    def damaged(self, name, *parts, **changes):
        """A subtest in which a file may be replaced or removed; afterwards it is whole again."""
        with self.subTest(name, parts=parts, **changes):
            try:
                yield
            finally:
                (self.model / name).unlink(missing_ok=True)
                os.symlink(MODEL / name, self.model / name)
                (self.folder / "out.png").unlink(missing_ok=True)

    def test_the_copy_itself_works(self):
        self.swan("image", "a red apple", *QUICK, "--model", self.model)

    def test_no_such_folder(self):
        outcome = self.swan("image", "a red apple", "--model", "nowhere", expect=1)
        self.assertOneMessage(outcome, "nowhere")
        self.assertEqual(self.files(), ["model"])

    def test_a_folder_that_is_no_model(self):
        (self.folder / "empty").mkdir()
        outcome = self.swan("image", "a red apple", "--model", "empty", expect=1)
        self.assertOneMessage(outcome, "model_index.json")

    def test_a_file_in_place_of_the_folder(self):
        outcome = self.swan("image", "a red apple", "--model", self.model / "model_index.json", expect=1)
        self.assertOneMessage(outcome, "model_index.json")

    def test_missing_files(self):
        for name in ("model_index.json", "transformer/config.json", "text_encoder/config.json", "vae/config.json",
                     "scheduler/scheduler_config.json", *WEIGHTS.values()):
            with self.damaged(name):
                (self.model / name).unlink()
                outcome = self.fails(os.path.basename(name))
                self.assertRegex(outcome.err, r"download|copy|check")

    def test_missing_tokenizer(self):
        (self.model / "tokenizer/tokenizer.json").unlink()
        (self.model / "tokenizer/tokenizer.model").unlink()
        self.fails("tokenizer")

    def test_either_tokenizer_file_is_enough(self):
        for name in ("tokenizer/tokenizer.json", "tokenizer/tokenizer.model"):
            with self.damaged(name):
                (self.model / name).unlink()
                self.swan("image", "a red apple", *QUICK, "--model", self.model)

    def test_an_absent_variant(self):
        outcome = self.swan("image", "a red apple", "--model", self.model, "--variant", "fp8", expect=1)
        self.assertOneMessage(outcome, "fp8")

    def test_truncated_weights(self):
        for name in WEIGHTS.values():
            whole = (MODEL / name).read_bytes()
            for length in (0, 4, 1000, len(whole) // 2, len(whole) - 1):
                with self.damaged(name, length):
                    self.replace(name, whole[:length])
                    self.fails(name)

    def test_weights_that_are_something_else(self):
        for content in (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", b"PK\x03\x04" * 100,
                        b"<!DOCTYPE html>" * 10, struct.pack("<Q", 2**63) + b"{}" * 10):
            with self.damaged(WEIGHTS["transformer"], content[:20]):
                self.replace(WEIGHTS["transformer"], content)
                self.fails(WEIGHTS["transformer"])

    def test_wrong_json(self):
        for name in ("model_index.json", "transformer/config.json", "text_encoder/config.json", "vae/config.json",
                     "scheduler/scheduler_config.json"):
            for content in (b"", b"{", b"[]", b"null", b"\xff\xfe{}", b"[" * 100000, b'{"a": 1} x'):
                with self.damaged(name, content[:10]):
                    self.replace(name, content)
                    self.fails(name)

    def test_wrong_values_in_a_config(self):
        name = "transformer/config.json"
        for changes in ({"num_layers": "eight"}, {"num_layers": -1}, {"num_layers": 10**15}, {"patch_size": 0},
                        {"attention_head_dim": "32"}, {"num_attention_heads": 2**40, "attention_head_dim": 2**40},
                        {"num_layers": 2.5}):
            with self.damaged(name, **changes):
                self.change_config(name, **changes)
                self.fails(next(iter(changes)))

    def test_weights_of_another_model(self):
        self.change_config("transformer/config.json", num_layers=9)
        self.fails("transformer_blocks.8.")
        self.change_config("transformer/config.json", num_layers=8, num_attention_heads=10)
        self.fails("shape")

    def test_an_unknown_pipeline(self):
        self.change_config("model_index.json", _class_name="FluxPipeline")
        self.fails("FluxPipeline", "SanaPipeline")

    def test_weights_with_nan(self):
        """The stage, the step and the remedy instead of a black picture."""
        for component, says in (("transformer", "denois"), ("text_encoder", "encod"), ("vae", "decod")):
            name = WEIGHTS[component]
            with self.damaged(name):
                data = bytearray((MODEL / name).read_bytes())
                (length,) = struct.unpack("<Q", data[:8])
                header = json.loads(data[8:8 + length])
                # A bias or norm near the end of the network's own part that decodes or predicts.
                tensor = {"transformer": "proj_out.bias", "text_encoder": "norm.weight",
                          "vae": "decoder.conv_out.bias"}[component]
                self.assertEqual(header[tensor]["dtype"], "F16")
                begin, end = (8 + length + offset for offset in header[tensor]["data_offsets"])
                data[begin:end] = struct.pack("<H", 0x7E00) * ((end - begin) // 2)
                self.replace(name, bytes(data))
                outcome = self.fails(says)
                self.assertEqual(self.json_line(outcome)["error"]["code"], "numerical")
                if component == "transformer":
                    self.assertOneMessage(outcome, "step 1")
                self.assertRegex(outcome.err, r"--dtype|dtype|weights")


if __name__ == "__main__":
    unittest.main()
