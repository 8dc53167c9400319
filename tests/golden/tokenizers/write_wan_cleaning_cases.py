#!/usr/bin/env python3
"""Writes wan_cleaning_cases.json: what the reference (diffusers' Wan pipeline with ftfy; see "versions" in the file) makes of
prompts in need of repair, as pairs of text and cleaned text.

    python3 tests/golden/tokenizers/write_wan_cleaning_cases.py
"""
import html.entities
import json
import pathlib
import platform
import random
import unicodedata

import diffusers
import ftfy
from diffusers.pipelines.wan.pipeline_wan import prompt_clean
from ftfy.chardata import CHARMAP_ENCODINGS

HERE = pathlib.Path(__file__).resolve().parent
VERSIONS = {"diffusers": diffusers.__version__, "ftfy": ftfy.__version__, "python": platform.python_version(),
            "unicode": unicodedata.unidata_version}

SENTENCES = [
    "a cat’s “tiny” façade — déjà vu…", "voilà, à la mode", "São Paulo às três", "Łódź i Žižkov", "Привет, мир", "Καλημέρα κόσμε", "İstanbul ığüş",
    "一只猫，在月光下。", "日本語のテスト", "한국어 문장", "नमस्ते दुनिया", "مرحبا بالعالم", "🐱 and 🌊", "½ × 100°C ± 2 µm", "✔ ¯\\_(ツ)_/¯", "10 € or £8",
]
SINGLE = [
    "", " ", "a cat", "  two  \t spaces\n\nlines ", "“double” ‘single’ ‛odd‟ ʼn", "ĳ ŉ Ǆ ǆ ﬀ ﬁ ﬂ ﬃ ﬄ ﬅ ﬆ ﬃﬁ ﬓ", "ＬＯＵＤ　ＮＯＩＳＥＳ！＂＇", "Ｕﾀｰﾝ ｶﾞﾊﾟﾞ ￦￩ ￮ ￣",
    "a\r\nb\rc\u2028d\u2029e\x85f\vg\fh", "\x1b[36;44mblue\x1b[0m \x1b[m \x1b[1;٣1H \x1b[;;;q \x1b[12 x \x1b[", "".join(map(chr, range(0x20))), "a\x00b\x1fc\x7fd\x80e\x9ff",
    "\ufeffbom\ufeff \u206a\u206f \ufff9x\ufffay\ufffb \ufffc \ufffd", "joiner\u200d \u200b zero \u200e marks \u202e \u00ad", "e\u0301 A\u030a \u1e9b\u0323 q\u0307\u0323 \u212b \u2126 \uf900",
    "\u1100\u1161\u11a8 \u0915\u093c", "\u00a0\u1680\u2003\u3000wide\u205f\u202f", "\x1ca\x1f", "Hello � world", "naïve café", "Ångström Ã la", "À À la carte", "ÁÉÍÓÚ", "x² + y³ = ½",
    "Ã", "Â", "Ã ", "Â Ã", "a Â b", "fÃ cil", "voilÃ le travail", "Ã quel Ã quele Ã quilo Ã s Ã  Ã", "â€", "â€œ like this â€�", "â€?", "Ã?", "ï¿½", "Ð¡ÐµÐ³Ð", "caf\xc3\xa9 \xe9",
    "\x93quoted\x94", "\x81\x8d\x8f\x90\x9d", "caf\xe9\x85 \x81", "Ãƒâ€šÃ‚Â£", "ÃƒÆ’Ã‚Â©", "ÃÂ©ÃÂ©", "âœ” No problems", "Ã©tÃ© и été", "я Ã© ж", "猫Ã©猫", "Ã©猫 â€™ Ã¼", "¼Ã¼Ã¼", "šä¸\xad",
    "Ã©\nÃ© plain\nпривет Ã¼", "à¤¨à¤®à¤¸à¥\x8dà¤¤à¥\x87", "ÐŸÑ€Ð¸Ð²ÐµÑ‚", "РџСЂРёРІРµС‚", "Î±Î²Î³", "ã\x81ã\x82\x8f", "ä½ å¥½", "√© ‚Äú ‚Äù", "├⌐ Γ£ö", "Ä…Ĺ‚Ăł",
    "\xed\xa0\xbd\xed\xb8\x8d é", "í \x20", "\xed\xa0\xbd\xed\xb8", "null \xc0\x80 Ã©", "Ã© À\n", "Ã© \xed\xa0\x80\xed\xb0\n", "Ã©\xed\xa0\x80\xed\xb0\n ", "Ã© \xc0", "\u1ea3\u0341\u0344\u0323",
    "&lt;b&gt; &amp;amp;", "&amp;amp;amp;amp;lt;", "a < b &amp; c", "<p>\n&eacute;", "&eacute; <\n&eacute;\n&Eacute;", "&EACUTE; &NTILDE; &nTILDE; &SZLIG; &FFILIG; &AMP; &AMP &QUOT;", "&notit; &notin; &not; &not &ampx &amp猫",
    "&hellip;&rdquo;&#8217;&#x2019;&#X2019;", "&#0; &#13; &#128; &#x81; &#150; &#159; &#xD800; &#xDFFF; &#x110000; &#99999999999999999999;", "&#1; &#11; &#12; &#127; &#xFFFE; &#xFDD0; &#x1FFFF; &#28;x",
    "&#59; &#x3b; &#12ab; &#xg; &#; &# &#x &#x; &; & &&amp;", "&CounterClockwiseContourIntegral; &DiacriticalDoubleAcute;", "&nbsp;a&nbsp;&emsp;b&#x200b;", "&bne; &acE; &fjlig; &BNE; &ThickSpace;x",
    "&Atilde;&copy;", "&acirc;&euro;&oelig;", "&#195;&#169;", "&unknown; &aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa; &gt5 &gt;5 &ltfoo", "&amp;#39;&amp;quot;&amp;#x26;lt;", "&Alpha&beta; &copy2024 &frac12x", "\U0001d400 &Jscr;",
    "\ufffd\x1a Ã©", "\x1aâ€œ", "â€œ\x1a", "Œ œuf bœuf œ", "×²×³ עברית", "░▒▓█ ─│", "Ò_Ó ö°ö Ù", "Ø§Ù„Ø¹", "вЂ” ГўВЂВ™t", "β€™ ΒΓ®Β", "ā€ž ā€", "‚Ä¶ ‚âà √± ≈°", "¡Â¿ Â¡Hola!", "e‰ é€ É€ a É€", "100Â° 5Â£ Â©Â®",
]


def surrogates_apart(text):
    """Each character beyond U+FFFF as two sequences of three bytes (CESU-8), decoded as Windows-1252."""
    units = text.encode("utf-16-be")
    code_units = [units[i:i + 2].decode("utf-16-be", "surrogatepass") for i in range(0, len(units), 2)]
    return "".join(code_units).encode("utf-8", "surrogatepass").decode("sloppy-windows-1252")


def texts():
    rng = random.Random(2024)
    yield from SINGLE
    for encoding in CHARMAP_ENCODINGS:
        for sentence in rng.sample(SENTENCES, 8):
            yield sentence.encode("utf-8").decode(encoding)
        for sentence in rng.sample(SENTENCES, 2):
            once = sentence.encode("utf-8").decode(encoding)
            yield once.encode("utf-8").decode(rng.choice(CHARMAP_ENCODINGS), "replace")  # twice
            yield "a cat, " + once + " & " + rng.choice(SENTENCES)  # in part
            yield once.replace("\xa0", " ")
            yield once[:-1] + rng.choice(["", "�", "?", "\n"])
    for sentence in SENTENCES:
        yield sentence.encode("utf-8").decode("windows-1252", "replace")
    for sentence in ["🐱", "a 🌊 wave", "𝐀é"]:
        yield surrogates_apart(sentence)
    odd = list("Ãâ€™œ©Â ¼é猫в°√░&;#<“ﬁＡｶﾞ�\x1a\x85\xa0\xad\u0301\x1b[m")
    names = list(html.entities.html5)
    for _ in range(40):
        yield "".join(rng.choice(odd) for _ in range(rng.randrange(2, 12)))
    for _ in range(20):
        yield "".join("&" + rng.choice(names) + rng.choice(["", " ", "x", "1"]) for _ in range(3))


cases = [[text, prompt_clean(text)] for text in dict.fromkeys(texts())]
content = json.dumps({"versions": VERSIONS, "cases": cases}, ensure_ascii=True, separators=(",", ":"))
(HERE / "wan_cleaning_cases.json").write_text(content.replace("],[", "],\n[") + "\n", "ascii")
print(len(cases), "cases,", sum(text.strip() != clean for text, clean in cases), "of them changed")
