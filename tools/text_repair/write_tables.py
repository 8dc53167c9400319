#!/usr/bin/env python3
"""Writes the tables of src/tokenizers/text_repair from Python's codecs and html.entities and from ftfy 6.3.1
(Apache-2.0, Robyn Speer): charmaps.inc, html_entities.inc and character_classes.inc.

    pip install ftfy==6.3.1 && python3 tools/text_repair/write_tables.py
"""

import html.entities
import itertools
import pathlib
import re

import ftfy.bad_codecs  # registers the sloppy-* codecs
from ftfy import badness, chardata

TARGET = pathlib.Path(__file__).resolve().parents[2] / "src" / "tokenizers" / "text_repair"
HEADER = "// Written by tools/text_repair/write_tables.py; do not edit.\n// clang-format off\n"


def write(name, lines):
    (TARGET / name).write_text(HEADER + "\n".join(lines) + "\n", "ascii")


def wrapped(items, width=118):
    lines = [""]
    for item in items:
        if len(lines[-1]) + len(item) + 1 > width:
            lines.append("")
        lines[-1] += item if not lines[-1] else " " + item
    return lines


def charmaps():
    """What bytes 0x80 to 0xFF mean in each charmap. Below 0x80 they are ASCII, but for 0x1A in the sloppy ones."""
    lines = []
    for name in chardata.CHARMAP_ENCODINGS:
        decoded = bytes(range(256)).decode(name)
        assert len(set(decoded)) == 256 and all(ord(c) < 0x10000 for c in decoded)
        sloppy = name.startswith("sloppy")
        assert [ord(c) for c in decoded[:128]] == [0xFFFD if sloppy and i == 0x1A else i for i in range(128)]
        lines.append(f'{{"{name}", {str(sloppy).lower()}, {{')
        lines += wrapped(f"0x{ord(c):X}," for c in decoded[128:])
        lines.append("}},")
    write("charmaps.inc", lines)


def html_entities():
    """Names in order, with one or two code points, and whether the name also counts without its semicolon."""
    items = []
    for name in sorted(n[:-1] for n in html.entities.html5 if n.endswith(";")):
        first, second = (list(map(ord, html.entities.html5[name + ";"])) + [0])[:2]
        bare = name in html.entities.html5
        assert not bare or html.entities.html5[name] == html.entities.html5[name + ";"]
        items.append(f'{{"{name}", 0x{first:X}, 0x{second:X}, {int(bare)}}},')
    write("html_entities.inc", wrapped(items))


def ranges(text):
    """The characters of a class of Python's re, as a pattern of icu::UnicodeSet without its brackets."""
    members = [c for c in range(0x10000) if not 0xD800 <= c < 0xE000 and re.match(f"[{text}]", chr(c))]
    pattern = ""
    for _, group in itertools.groupby(enumerate(members), lambda pair: pair[1] - pair[0]):
        run = [c for _, c in group]
        pattern += f"\\\\u{run[0]:04X}" + (f"-\\\\u{run[-1]:04X}" if len(run) > 1 else "")
    return pattern


def character_classes():
    classes = {**badness.MOJIBAKE_CATEGORIES, **chardata.UTF8_CLUES}
    lines = []
    for name, text in classes.items():
        pattern = ranges(text)
        pieces = re.findall(r"(?:.{,102}(?:(?=-?\\\\u)|$))", pattern)
        assert "".join(pieces) == pattern
        lines.append(f'{{"{name}",')
        lines += [f' "{piece}"' for piece in pieces if piece]
        lines[-1] += "},"
    write("character_classes.inc", lines)


charmaps()
html_entities()
character_classes()
