"""swan image and swan video that start from something: --image, --video, --strength, --mask."""

import struct
import unittest
import zlib

from swan_program import QUICK, SOURCE, ProgramTest, film, png_settings, read_png

GOLDEN = SOURCE / "tests" / "golden"
SIZE = (64, 96)
SANA = ["--model", str(GOLDEN / "models" / "sana"), "--no-resolution-binning", "--complex-instruction", "none", *QUICK,
        "--width", str(SIZE[0]), "--height", str(SIZE[1])]


def write_png(path, width, height, pixel):
    """An RGB picture of pixel(x, y)."""
    rows = b"".join(b"\0" + bytes(level for x in range(width) for level in pixel(x, y)) for y in range(height))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)) +
                     chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


class Start(ProgramTest):
    def setUp(self):
        super().setUp()
        write_png(self.folder / "start.png", *SIZE, lambda x, y: (4 * x % 256, 2 * y % 256, 90))
        write_png(self.folder / "mask.png", *SIZE, lambda x, y: (255 * (y >= 50),) * 3)

    def test_the_picture_and_its_strength_count(self):
        names = {"noise.png": [], "default.png": ["--image", "start.png"],
                 "weak.png": ["--image", "start.png", "--strength", "0.5"]}
        for name, options in names.items():
            self.swan("image", "a red apple", *SANA, *options, "-o", name)
        self.assertEqual(len({read_png(self.folder / name) for name in names}), 3)
        self.assertEqual(png_settings(self.folder / "default.png")["strength"], 0.6)

    def test_what_the_mask_keeps_stays_to_the_bit(self):
        self.swan("image", "a red apple", *SANA, "--image", "start.png", "--mask", "mask.png", "-o", "out.png")
        start, made = read_png(self.folder / "start.png")[2], read_png(self.folder / "out.png")[2]
        self.assertEqual(made[:50 * 64 * 3], start[:50 * 64 * 3])
        self.assertNotEqual(made[50 * 64 * 3:], start[50 * 64 * 3:])
        # Repeating it asks for both files again.
        self.assertOneMessage(self.swan("image", "--from", "out.png", expect=2), "--image")
        self.assertOneMessage(self.swan("image", "--from", "out.png", "--image", "start.png", expect=2), "--mask")
        self.swan("image", "--from", "out.png", "--image", "start.png", "--mask", "mask.png", "-o", "again.png")
        self.assertEqual((self.folder / "again.png").read_bytes(), (self.folder / "out.png").read_bytes())

    def test_what_does_not_fit_is_refused(self):
        write_png(self.folder / "small.png", 8, 8, lambda x, y: (0, 0, 0))
        for options, part, code in ((["--mask", "mask.png"], "--mask needs --image", 2),
                                    (["--image", "start.png", "--strength", "2"], "from 0 to 1", 2),
                                    (["--image", "start.png", "--strength", "0"], "leaves none of 2 steps", 2),
                                    (["--image", "start.png", "--mask", "small.png"], "8 x 8 pixels", 2),
                                    (["--image", "nothing.png"], "nothing.png", 1)):
            self.assertOneMessage(self.swan("image", "a red apple", *SANA, *options, expect=code), part)

    def test_a_clip_starts_from_a_clip(self):
        self.swan("video", "a wave", *film(), "-o", "first.mp4")
        for name in ("first.mp4", "frames/"):
            if name == "frames/":
                self.swan("video", "a wave", *film(), "-o", name)
            report = self.json_line(self.swan("video", "a storm", *film("--num-frames", "5"), "--video", name, "--strength",
                                              "0.5", "-o", "second.mp4", "--json"))
            self.assertEqual(report["num_frames"], 5)
        # The number of frames is the clip's, if nothing else is said.
        options = [part for pair in zip(film()[::2], film()[1::2]) if pair[0] != "--num-frames" for part in pair]
        report = self.json_line(self.swan("video", "a storm", *options, "--video", "first.mp4", "-o", "all.mp4", "--json"))
        self.assertEqual(report["num_frames"], 9)
        self.assertOneMessage(self.swan("video", "--from", "all.mp4", expect=2), "--video")
        self.swan("video", "--from", "all.mp4", "--video", "first.mp4", "-o", "again.mp4")
        self.assertEqual((self.folder / "again.mp4").read_bytes(), (self.folder / "all.mp4").read_bytes())

    def test_a_picture_and_a_mask_make_a_clip(self):
        write_png(self.folder / "start.png", 64, 48, lambda x, y: (4 * x % 256, 5 * y % 256, 90))
        write_png(self.folder / "mask.png", 64, 48, lambda x, y: (255 * (y >= 30),) * 3)
        self.swan("video", "a wave", *film(), "--image", "start.png", "--mask", "mask.png", "-o", "out/")
        start = read_png(self.folder / "start.png")[2]
        for name in self.files(self.folder / "out"):
            made = read_png(self.folder / "out" / name)[2]
            self.assertEqual(made[:30 * 64 * 3], start[:30 * 64 * 3])
            self.assertNotEqual(made[30 * 64 * 3:], start[30 * 64 * 3:])
        (self.folder / "text.mp4").write_text("no clip", encoding="utf-8")
        self.assertOneMessage(self.swan("video", "a wave", *film(), "--video", "text.mp4", expect=1), "text.mp4")
        self.assertOneMessage(self.swan("video", "a wave", *film(), "--video", "out/", "--image", "start.png", expect=2),
                              "give one of them")


if __name__ == "__main__":
    unittest.main()
