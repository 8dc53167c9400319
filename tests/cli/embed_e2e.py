"""swan embed, --prompt-embeds, --embed-cache, and pictures of many prompts."""

import json
import os
import shutil
import struct
import unittest

from swan_program import FILM, MODEL, QUICK, WAN, ProgramTest, png_settings, read_png, read_safetensors


def tokens(tensors, name="prompt_attention_mask"):
    """How many ones each row of a mask has."""
    dtype, (rows, length), data = tensors[name]
    width = {"I32": 4, "I64": 8}[dtype]
    values = struct.unpack(f"<{rows * length}{'i' if width == 4 else 'q'}", data)
    return [sum(values[row * length:(row + 1) * length]) for row in range(rows)]


class Embed(ProgramTest):
    def copy_of(self, model):
        copy = self.folder / "model"
        shutil.copytree(model, copy)
        return copy

    def without_text_encoder(self, model):
        """A copy of a repository that has no text encoder and no tokenizer at all."""
        copy = self.copy_of(model)
        index = json.loads((copy / "model_index.json").read_text())
        for component in ("text_encoder", "tokenizer"):
            shutil.rmtree(copy / component)
            index.pop(component)
        (copy / "model_index.json").write_text(json.dumps(index))
        return copy

    def test_a_row_for_each_prompt(self):
        report = self.json_line(self.swan("embed", "a fox", "[a, b]", "--prompt", "一只红色的狐狸", "--model", WAN, "-o",
                                          "e.safetensors", "--json"))
        self.assertEqual(report["files"], ["e.safetensors"])
        self.assertEqual(report["prompt"], ["a fox", "[a, b]", "一只红色的狐狸"])
        self.assertEqual((report["kind"], report["shape"]), ("video", [3, 512, 64]))
        tensors = read_safetensors(self.folder / "e.safetensors")
        self.assertEqual(set(tensors), {"prompt_embeds", "prompt_attention_mask"})
        self.assertEqual(tensors["prompt_embeds"][:2], ("F32", [3, 512, 64]))
        self.assertEqual(tokens(tensors), report["tokens"])
        self.assertTrue(all(1 < count < 40 for count in report["tokens"]), report)

    def test_text_says_what_was_made(self):
        outcome = self.swan("embed", "a fox", "--negative-prompt", "fog", "--max-sequence-length", "20")
        self.assertEqual(self.files(), ["out.safetensors"])
        self.assertTrue(outcome.out.startswith("out.safetensors\n  prompts  1, and 1 negative\n"), outcome)
        tensors = read_safetensors(self.folder / "out.safetensors")
        self.assertEqual(set(tensors), {"prompt_embeds", "prompt_attention_mask", "negative_prompt_embeds",
                                        "negative_prompt_attention_mask"})
        self.assertEqual(tensors["prompt_embeds"][1][1], 20)
        self.assertEqual(self.swan("embed", "a fox", "--quiet").out, "")

    def test_pictures_from_embeddings_are_those_of_the_prompt(self):
        self.swan("embed", "a red apple", "--negative-prompt", "a dog", "-o", "e.safetensors")
        self.swan("image", "a red apple", "--negative-prompt", "a dog", *QUICK, "-o", "text.png")
        self.swan("image", "--prompt-embeds", "e.safetensors", *QUICK, "-o", "embeds.png")
        self.assertEqual(read_png(self.folder / "text.png"), read_png(self.folder / "embeds.png"))
        # Without negative ones in the file the option is used, as text.
        self.swan("embed", "a red apple", "-o", "p.safetensors")
        report = self.json_line(self.swan("image", "--prompt-embeds", "p.safetensors", "--negative-prompt", "a dog",
                                          *QUICK, "-o", "mixed.png", "--json"))
        self.assertEqual(report["prompt_embeds"], "p.safetensors")
        self.assertEqual(read_png(self.folder / "text.png"), read_png(self.folder / "mixed.png"))

    def test_videos_from_embeddings_are_those_of_the_prompt(self):
        self.swan("embed", "a ball", "a dog", "--negative-prompt", "fog", "--model", WAN, "-o", "e.safetensors")
        self.swan("video", "--prompt", "a ball", "--prompt", "a dog", "--negative-prompt", "fog", *FILM, "-o", "text/")
        self.swan("video", "--prompt-embeds", "e.safetensors", *FILM, "-o", "embeds/")
        for i in range(2):
            for frame in ("frame_0000.png", "frame_0008.png"):
                text, embeds = (read_png(self.folder / f"{name}_{i}" / frame) for name in ("text", "embeds"))
                self.assertEqual(text, embeds)

    def test_what_was_made_from_embeddings_is_repeated_with_them(self):
        self.swan("embed", "a ball", "--model", WAN, "-o", "e.safetensors")
        self.swan("video", "--prompt-embeds", "e.safetensors", *FILM, "-o", "a.mp4")
        self.assertOneMessage(self.swan("video", "--from", "a.mp4", expect=2), "--prompt-embeds")
        self.swan("video", "--from", "a.mp4", "--prompt-embeds", "e.safetensors", "-o", "b.mp4")
        self.assertEqual((self.folder / "a.mp4").read_bytes(), (self.folder / "b.mp4").read_bytes())

    def test_embeddings_need_no_text_encoder(self):
        self.swan("embed", "a ball", "--negative-prompt", "fog", "--model", WAN, "-o", "wan.safetensors")
        self.swan("embed", "a ball", "--negative-prompt", "fog", "-o", "sana.safetensors")
        for command, model, size in (("video", WAN, FILM[2:]), ("image", MODEL, QUICK)):
            copy = self.without_text_encoder(model)
            name = "wan" if command == "video" else "sana"
            self.swan(command, "--prompt-embeds", f"{name}.safetensors", "--model", copy, *size)
            outcome = self.swan(command, "a ball", "--model", copy, *size, expect=1)
            self.assertOneMessage(outcome, "has no text_encoder")
            shutil.rmtree(copy)
        self.assertEqual(self.files(), ["out.mp4", "out.png", "sana.safetensors", "wan.safetensors"])

    def test_embeddings_of_another_model_are_refused(self):
        self.swan("embed", "a ball", "--model", WAN, "-o", "wan.safetensors")
        outcome = self.swan("image", "--prompt-embeds", "wan.safetensors", "--guidance-scale", "1", *QUICK, expect=2)
        self.assertOneMessage(outcome, "64")
        self.assertOneMessage(self.swan("image", "--prompt-embeds", "none.safetensors", expect=1), "none.safetensors")
        (self.folder / "cut.safetensors").write_bytes((self.folder / "wan.safetensors").read_bytes()[:1000])
        self.assertOneMessage(self.swan("image", "--prompt-embeds", "cut.safetensors", expect=1), "cut.safetensors")
        self.assertEqual(self.files(), ["cut.safetensors", "wan.safetensors"])

    def test_a_prompt_met_before_needs_no_text_encoder(self):
        for command, size in (("video", FILM), ("image", QUICK)):
            kept = [*size, "--embed-cache", self.folder / "cache", "--verbose"]
            first = self.swan(command, "a ball", *kept, "-o", "first.webp")
            self.assertIn("text_encoder: ", first.err, "--verbose says which networks are opened")
            second = self.swan(command, "a ball", *kept, "-o", "second.webp")
            self.assertNotIn("text_encoder: ", second.err)
            self.assertEqual((self.folder / "first.webp").read_bytes(), (self.folder / "second.webp").read_bytes())
            self.assertIn("text_encoder: ", self.swan(command, "another", *kept).err)
            kept[-2] = "off"
            self.assertIn("text_encoder: ", self.swan(command, "a ball", *kept).err)

    def test_embed_and_interpolation_use_what_is_kept(self):
        kept = ["--embed-cache", self.folder / "cache", "--verbose"]
        self.swan("embed", "a ball", "a dog", "--negative-prompt", "", "--model", WAN, *kept)
        again = self.swan("embed", "a dog", "--model", WAN, *kept)
        self.assertNotIn("text_encoder: ", again.err)
        way = self.swan("video", "a ball", "--prompt-to", "a dog", "--interpolate", "2", *FILM, *kept)
        self.assertNotIn("text_encoder: ", way.err)

    def test_the_cache_is_where_the_environment_says(self):
        environment = {**os.environ, "SWAN_EMBED_CACHE": str(self.folder / "kept")}
        self.swan("image", "a ball", *QUICK, env=environment)
        self.assertTrue(self.files(self.folder / "kept"))
        self.swan("image", "a ball", *QUICK, "--embed-cache", "elsewhere", env=environment)
        self.assertTrue(self.files(self.folder / "elsewhere"))

    def test_a_cache_that_cannot_be_written_is_no_failure(self):
        (self.folder / "file").write_text("no folder")
        self.swan("image", "a ball", *QUICK, "--embed-cache", "file")
        self.assertEqual(self.files(), ["file", "out.png"])

    def test_no_partial_file(self):
        done = self.on_a_small_disk("embed", "a fox", "--model", WAN, "-o", "new.safetensors", old="old")
        self.assertEqual(done.returncode, 1, done)
        self.assertRegex(done.stderr, r"(?m)^swan: .*new\.safetensors.*No space left on device")
        self.assertEqual(done.stdout, "left: old 21\n")
        outcome = self.swan("embed", "a fox", "-o", "none/e.safetensors", expect=1)
        self.assertOneMessage(outcome, "'none' does not exist")


class ManyPictures(ProgramTest):
    def test_every_line_is_the_picture_of_its_own(self):
        (self.folder / "list.txt").write_text("a red apple\n\n# no\n两只猫\n", encoding="utf-8")
        report = self.json_line(self.swan("image", "--prompts", "list.txt", *QUICK, "-n", "2", "-o", "a.png",
                                          "--save-latents", "l.safetensors", "--json"))
        self.assertEqual(report["files"], ["a_0.png", "a_1.png", "a_2.png", "a_3.png"])
        self.assertEqual(read_safetensors(self.folder / "l.safetensors")["latents"][1], [4, 32, 8, 8])
        for line, prompt in enumerate(("a red apple", "两只猫")):
            self.swan("image", prompt, *QUICK, "-n", "2", "-o", "one.png")
            for i in range(2):
                one, many = (self.folder / f"one_{i}.png", self.folder / f"a_{2 * line + i}.png")
                self.assertEqual(one.read_bytes(), many.read_bytes())

    def test_a_line_each_has_its_seed(self):
        (self.folder / "list.txt").write_text("a red apple\na dog\n")
        self.swan("image", "--prompts", "list.txt", "--steps", "2", "--seed", "3,4")
        self.swan("image", "a dog", "--steps", "2", "--seed", "4", "-o", "one.png")
        self.assertEqual((self.folder / "one.png").read_bytes(), (self.folder / "out_1.png").read_bytes())

    def test_files_that_are_no_lists(self):
        (self.folder / "latin1.txt").write_bytes("café\n".encode("latin-1"))
        self.assertOneMessage(self.swan("image", "--prompts", "latin1.txt", expect=2), "not UTF-8 at byte 3")
        self.assertOneMessage(self.swan("image", "--prompts", "none.txt", expect=1), "none.txt")
        self.assertOneMessage(self.swan("image", "--prompts", "-", expect=2), "holds no prompt")

    def test_the_ends_of_an_interpolation_are_the_prompts_themselves(self):
        self.swan("image", "a red apple", "--prompt-to", "two cats on a blue background", "--interpolate", "3", *QUICK)
        self.swan("image", "a red apple", *QUICK, "-o", "from.png")
        self.swan("image", "two cats on a blue background", *QUICK, "-o", "to.png")
        first, between, last, start, end = (read_png(self.folder / f"{name}.png")
                                            for name in ("out_0", "out_1", "out_2", "from", "to"))
        self.assertEqual(first, start)
        self.assertEqual(last, end)
        self.assertNotIn(between, (start, end))
        self.assertEqual(png_settings(self.folder / "out_1.png")["interpolation"]["position"], 0.5)

    def test_another_flow_shift_is_another_picture_and_is_repeated(self):
        self.swan("image", "a red apple", *QUICK, "-o", "a.png")
        self.swan("image", "a red apple", *QUICK, "--flow-shift", "6", "-o", "b.png")
        self.assertNotEqual(read_png(self.folder / "a.png"), read_png(self.folder / "b.png"))
        self.swan("image", "--from", "b.png", "-o", "c.png")
        self.assertEqual((self.folder / "b.png").read_bytes(), (self.folder / "c.png").read_bytes())


if __name__ == "__main__":
    unittest.main()
