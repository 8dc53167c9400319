"""Draws the README's gallery with the embedded model: docs/gallery.png and the table of its prompts.

Usage: make_gallery.py [--swan build/release/swan] [--output docs/gallery.png]; needs Pillow.
"""

import argparse
import subprocess
import tempfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parent.parent.parent
SEED = 7
COLUMNS = 6
SIDE = 192  # pixels of a picture in the sheet
PROMPTS = [
    "a red apple on a blue background",
    "three strawberries on a white background",
    "cat face",
    "a dog to the left of a cat",
    "a huge pizza",
    "a tiny star on a black background",
    "蓝色背景上的红苹果",
    "三个草莓",
    "猫在狗的左边",
    "a rocket on a gradient from orange to purple",
    "two bananas on a green background",
    "a snowman",
]


def main():
    """Makes the pictures one after the other and pastes them into one sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--swan", default=ROOT / "build/release/swan")
    parser.add_argument("--output", default=ROOT / "docs/gallery.png")
    args = parser.parse_args()
    rows = -(-len(PROMPTS) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * SIDE, rows * SIDE), "white")
    with tempfile.TemporaryDirectory() as folder:
        for i, prompt in enumerate(PROMPTS):
            path = Path(folder) / f"{i}.png"
            subprocess.run([str(args.swan), "image", prompt, "--seed", str(SEED), "--quiet", "-o", str(path)], check=True)
            picture = Image.open(path).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
            sheet.paste(picture, (i % COLUMNS * SIDE, i // COLUMNS * SIDE))
    sheet.save(args.output, optimize=True)
    print(args.output)


if __name__ == "__main__":
    main()
