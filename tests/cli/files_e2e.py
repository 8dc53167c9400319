"""Models of single files: --transformer, --text-encoder, --vae, --tokenizer; swan convert; swan info on a file."""

import json
import shutil
import struct
import unittest

from swan_program import FILM, MODEL, QUICK, SOURCE, WAN, ProgramTest, png_settings, read_png

GOLDEN = SOURCE / "tests" / "golden" / "models"
SANA = GOLDEN / "sana"
SMALL = ["--width", "128", "--height", "128", "--no-resolution-binning", *QUICK]
CLIP = FILM[2:]  # without --model
NETWORKS = ("transformer", "text_encoder", "vae")


def read_safetensors(path):
    """Metadata, and each tensor as (dtype, shape, bytes)."""
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    metadata = header.pop("__metadata__", {})
    tensors = {name: (entry["dtype"], entry["shape"],
                      data[8 + size + entry["data_offsets"][0]:8 + size + entry["data_offsets"][1]])
               for name, entry in header.items()}
    return metadata, tensors


def write_safetensors(path, tensors, metadata=None):
    header, position = {}, 0
    if metadata:
        header["__metadata__"] = metadata
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [position, position + len(data)]}
        position += len(data)
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(data for _, _, data in tensors.values()))


def weights_of(folder):
    """The tensors of a component's folder, shards together."""
    tensors = {}
    for path in sorted(folder.glob("*.safetensors")):
        tensors.update(read_safetensors(path)[1])
    return tensors


class Convert(ProgramTest):
    def expect_same_networks(self, a, b):
        for network in NETWORKS:
            self.assertEqual(weights_of(a / network), weights_of(b / network), network)

    def test_there_and_back_is_the_same_repository(self):
        for model in ("sana", "sana_sprint", "wan"):
            with self.subTest(model):
                source = GOLDEN / model
                original, back = self.folder / f"{model}-original", self.folder / f"{model}-back"
                self.swan("convert", source, original, "--to", "original")
                self.assertEqual(sorted(p.name for p in original.iterdir()),
                                 ["text_encoder.safetensors", "tokenizer", "transformer.safetensors", "vae.safetensors"])
                names = read_safetensors(original / "transformer.safetensors")[1]
                fused = "blocks.0.self_attn.q.weight" if model == "wan" else "blocks.0.attn.qkv.weight"
                self.assertIn(fused, names)
                report = self.json_line(self.swan(
                    "convert", "--transformer", original / "transformer.safetensors", "--vae",
                    original / "vae.safetensors", "--text-encoder", original / "text_encoder.safetensors", "--tokenizer",
                    original / "tokenizer", back, "--json"))
                self.assertEqual(report["class_name"],
                                 {"sana": "SanaPipeline", "sana_sprint": "SanaSprintPipeline", "wan": "WanPipeline"}[model])
                self.assertEqual({c["name"] for c in report["components"]}, set(NETWORKS))
                self.expect_same_networks(source, back)
                for network in NETWORKS:
                    before = json.loads((source / network / "config.json").read_text())
                    after = json.loads((back / network / "config.json").read_text())
                    changed = {key for key, value in before.items() if key[0] != "_" and after.get(key) != value}
                    self.assertEqual(changed, set(), network)
                self.assertTrue(self.json_line(self.swan("info", back, "--json"))["complete"])
        # And it runs: the picture is that of the repository that it came from.
        self.swan("image", "a red cat", "--model", SANA, *SMALL, "-o", "a.png")
        self.swan("image", "a red cat", "--model", "sana-back", *SMALL, "-o", "b.png")
        a, b = (png_settings(self.folder / name) for name in ("a.png", "b.png"))
        self.assertEqual(a["scheduler_config"], b["scheduler_config"])
        self.assertEqual(self.swan("image", "--from", "a.png", "--model", "sana-back", "-o", "c.png").code, 0)
        self.assertEqual((self.folder / "b.png").read_bytes(), (self.folder / "c.png").read_bytes())

    def test_one_network(self):
        text = self.swan("convert", WAN / "vae", "vae.safetensors", "--to", "original").out
        self.assertIn("AutoencoderKLWan", text)
        self.assertIn("Wan's own names", text)
        self.swan("convert", "vae.safetensors", "vae")
        self.assertEqual(self.files(self.folder / "vae"), ["config.json", "diffusion_pytorch_model.safetensors"])
        self.assertEqual(weights_of(self.folder / "vae"), weights_of(WAN / "vae"))
        self.swan("convert", "--text-encoder", WAN / "text_encoder", "encoder", "--dtype", "bf16")
        self.assertEqual({dtype for dtype, _, _ in weights_of(self.folder / "encoder").values()}, {"BF16"})
        self.assertEqual(self.files(self.folder / "encoder"), ["config.json", "model.safetensors"])

    def test_shards(self):
        self.swan("convert", WAN, "cut", "--max-shard-size", "0.3MB")
        shards = sorted(p.name for p in (self.folder / "cut" / "transformer").glob("*.safetensors"))
        self.assertGreater(len(shards), 2)
        self.assertEqual(shards[0], f"diffusion_pytorch_model-00001-of-{len(shards):05}.safetensors")
        index = json.loads((self.folder / "cut/transformer/diffusion_pytorch_model.safetensors.index.json").read_text())
        self.assertEqual(set(index["weight_map"].values()), set(shards))
        self.expect_same_networks(WAN, self.folder / "cut")
        self.assertTrue(self.json_line(self.swan("info", "cut", "--json"))["complete"])

    def test_what_cannot_be_done(self):
        (self.folder / "there").mkdir()
        outcome = self.swan("convert", WAN / "vae", "there", expect=2)
        self.assertOneMessage(outcome, "there already")
        self.assertOneMessage(self.swan("convert", "nothing.safetensors", "out", expect=1), "nothing.safetensors")
        self.assertOneMessage(self.swan("convert", WAN / "vae", "no/such/out", expect=1), "no/such/out")
        self.assertOneMessage(self.swan("convert", WAN / "vae", "out", "--to", "original", expect=2), ".safetensors")
        self.assertOneMessage(self.swan("convert", WAN / "vae", "out.safetensors", expect=2), "folder")
        transformer = WAN / "transformer"
        for options, missing in ((["--vae", WAN / "vae"], "text_encoder"),
                                 (["--vae", WAN / "vae", "--text-encoder", WAN / "text_encoder"], "tokenizer"),
                                 (["--text-encoder", WAN / "text_encoder"], "vae")):
            outcome = self.swan("convert", "--transformer", transformer, *options, "out", expect=1)
            self.assertOneMessage(outcome, "--" + missing.replace("_", "-"))
        outcome = self.swan("convert", "--vae", WAN / "vae", "--text-encoder", WAN / "text_encoder", "out", expect=2)
        self.assertOneMessage(outcome, "--transformer")
        (self.folder / "text").write_text("no weights", encoding="utf-8")
        self.assertOneMessage(self.swan("convert", "text", "out", expect=1), "text")
        self.assertEqual(self.files(), ["text", "there"], "nothing is left of what failed")


class Files(ProgramTest):
    def original(self, model=WAN):
        self.swan("convert", model, "original", "--to", "original", "--quiet")
        folder = self.folder / "original"
        return ["--transformer", folder / "transformer.safetensors", "--vae", folder / "vae.safetensors",
                "--text-encoder", folder / "text_encoder.safetensors", "--tokenizer", folder / "tokenizer"]

    def test_a_clip_of_files_is_the_repositorys_and_repeats(self):
        self.swan("video", "a wave", *FILM, "-o", "a/")
        files = self.original()
        self.swan("video", "a wave", *files, *CLIP, "-o", "b/")
        for frame in self.files(self.folder / "a"):
            self.assertEqual(self.pixels(f"a/{frame}"), self.pixels(f"b/{frame}"), frame)
        settings = png_settings(self.folder / "b" / "frame_0000.png")
        self.assertEqual(settings["transformer"], str(files[1]))
        self.assertEqual(settings["model"], "")
        self.swan("video", "--from", "b/", "-o", "c/")
        self.assertEqual((self.folder / "b/frame_0003.png").read_bytes(), (self.folder / "c/frame_0003.png").read_bytes())
        # With a model none of its files are left.
        self.swan("video", "--from", "b/", "--model", WAN, "-o", "d/")
        self.assertNotIn("transformer", png_settings(self.folder / "d" / "frame_0000.png"))
        # A file may be the model, and one of them a part of it.
        self.swan("video", "a wave", "--model", files[1], *files[2:], *CLIP, "-o", "e/")
        self.swan("video", "a wave", *FILM, "--vae", files[3], "-o", "f/")
        for folder in ("e", "f"):
            self.assertEqual(self.pixels(f"{folder}/frame_0005.png"), self.pixels("a/frame_0005.png"))
        self.swan("embed", "a wave", *files, "-o", "embeds.safetensors")
        self.assertIn("prompt_embeds", read_safetensors(self.folder / "embeds.safetensors")[1])

    def pixels(self, name):
        return read_png(self.folder / name)

    def test_comfyui_style_files(self):
        """The names of ComfyUI's files: a prefix, weights in 8 bits with scales, the tokenizer within the encoder."""
        files = self.original()
        metadata, tensors = read_safetensors(files[1])
        write_safetensors(self.folder / "comfy.safetensors",
                          {"model.diffusion_model." + name: t for name, t in tensors.items()}, metadata)
        report = self.json_line(self.swan("info", "comfy.safetensors", "--json"))
        self.assertEqual((report["class_name"], report["names"], report["prefix"], report["option"]),
                         ("WanTransformer3DModel", "Wan's own names", "model.diffusion_model.", "--transformer"))
        # Every weight of an attention is 1.0 in e4m3, with a scale of a half.
        scaled = dict(tensors)
        for name, (_, shape, _) in tensors.items():
            if name.endswith("self_attn.q.weight"):
                scaled[name] = ("F8_E4M3", shape, b"\x38" * (shape[0] * shape[1]))
                scaled[name.replace(".weight", ".scale_weight")] = ("F32", [], struct.pack("<f", 0.5))
        scaled["scaled_fp8"] = ("F8_E4M3", [2], b"\0\0")
        write_safetensors(self.folder / "scaled.safetensors", scaled, metadata)
        self.swan("convert", "scaled.safetensors", "plain")
        plain = weights_of(self.folder / "plain")
        self.assertEqual(set(plain), set(weights_of(WAN / "transformer")))
        dtype, _, data = plain["blocks.0.attn1.to_q.weight"]
        self.assertEqual((dtype, set(struct.unpack(f"<{len(data) // 2}H", data))), ("BF16", {0x3F00}))
        self.swan("video", "a wave", "--transformer", "scaled.safetensors", *files[2:], *CLIP, "-o", "s/")
        # The tokenizer comes with the encoder.
        metadata, encoder = read_safetensors(files[5])
        spiece = (SOURCE / "models/swan-emoji-video/tokenizer/spiece.model").read_bytes()
        encoder["spiece_model"] = ("U8", [len(spiece)], spiece)
        write_safetensors(self.folder / "encoder.safetensors", encoder, metadata)
        self.assertTrue(self.json_line(self.swan("info", "encoder.safetensors", "--json"))["tokenizer"])
        self.swan("video", "a wave", *files[:4], "--text-encoder", "encoder.safetensors", *CLIP, "-o", "t/")
        outcome = self.swan("video", "a wave", *files[:6], *CLIP, "-o", "u/", expect=1)
        self.assertOneMessage(outcome, "--tokenizer")
        self.swan("convert", *files[:4], "--text-encoder", "encoder.safetensors", "whole")
        self.assertEqual((self.folder / "whole/tokenizer/spiece.model").read_bytes(), spiece)

    def test_errors_name_the_option(self):
        files = self.original(SANA)
        draw = ["image", "a", *SMALL]
        self.assertOneMessage(self.swan(*draw, *files[:2], expect=1), "--vae")
        self.assertOneMessage(self.swan(*draw, *files[:4], expect=1), "--text-encoder")
        self.assertOneMessage(self.swan(*draw, "--transformer", files[3], expect=2), "give it with --vae")
        self.assertOneMessage(self.swan(*draw, "--model", files[1], *files[:2], expect=2), "--transformer")
        self.assertOneMessage(self.swan(*draw, "--model", MODEL, "--vae", WAN / "vae", expect=1), "AutoencoderKLWan")
        self.assertOneMessage(self.swan("video", "a", *files, expect=1), "swan image")
        self.assertOneMessage(self.swan(*draw, "--vae", "", expect=2), "--vae is empty")
        self.assertEqual(self.files(), ["original"])
        self.swan(*draw, *files, "-o", "x.png")


class Info(ProgramTest):
    def test_loras(self):
        lora = GOLDEN / "lora_plain" / "pytorch_lora_weights.safetensors"
        for path in (lora, lora.parent):
            report = self.json_line(self.swan("info", path, "--json"))
            self.assertEqual((report["kind"], report["option"], report["usable"]), ("lora", "--lora", True))
            self.assertEqual(sum(report["ranks"].values()), report["modules"])
            self.assertIn("transformer.transformer_blocks.N.attn1.to_q", report["targets"])
        self.assertIn("rank ", self.swan("info", lora).out)

    def test_folders_and_published_sizes(self):
        text = self.swan("info", WAN / "transformer").out
        self.assertIn("WanTransformer3DModel (transformer)", text)
        self.assertIn("--transformer", text)
        # A file's heads are told from the published models'; of others there must be a config.json.
        shutil.copy(WAN / "transformer" / "diffusion_pytorch_model.safetensors", self.folder / "alone.safetensors")
        outcome = self.swan("info", "alone.safetensors", expect=1)
        self.assertIn("config.json", outcome.out)
        self.assertIn("WanTransformer3DModel", outcome.out)

    def test_unknown(self):
        write_safetensors(self.folder / "x.safetensors", {"foo.bar": ("F32", [1], b"\0\0\0\0")})
        outcome = self.swan("info", "x.safetensors", expect=1)
        self.assertIn("foo.bar", outcome.out)
        write_safetensors(self.folder / "y.safetensors", {"foo.bar": ("F64", [1], b"\0" * 8)})
        self.assertIn("f64", self.swan("info", "y.safetensors", expect=1).out)
        (self.folder / "z").write_bytes(b"\x7fELF")
        self.assertOneMessage(self.swan("info", "z", expect=1), "7f 45 4c 46")


if __name__ == "__main__":
    unittest.main()
