#!/usr/bin/env python3
"""Writes emoji_cases.json, added_token_cases.json and cleaning_cases.json: what the reference (transformers, tokenizers and
Python itself; see "versions" in each file) makes of odd prompts. The other files here come from the fixture set.

    python3 tests/golden/tokenizers/write_cases.py
"""
import json
import pathlib
import platform
import random
import unicodedata

import tokenizers
import transformers

HERE = pathlib.Path(__file__).resolve().parent
EMOJI = HERE.parents[2] / "models" / "swan-emoji-256" / "tokenizer"
VERSIONS = {"transformers": transformers.__version__, "tokenizers": tokenizers.__version__,
            "python": platform.python_version(), "unicode": unicodedata.unidata_version}

PROMPTS = [
    "", "cat face", "a red apple on a blue background", "a dog to the left of a cat", "three strawberries on a white background",
    "a tiny rocket in the top left corner", "a huge pizza", "two cats", "a green frog above a yellow star",
    "蓝色背景上的红苹果", "猫在狗的左边", "三个草莓", "白色背景上的三个草莓", "一只很小的火箭在左上角", "巨大的披萨", "绿色的青蛙在黄色的星星上面",
    "一只猫 and two dogs", "ＡＢＣ１２３！", "\u732b\u0000\u72d7", "龘靐齉", "𠮷野家", "🐱🐶🌊", "👩\u200d👩\u200d👧", "a  b   c    d", " a ", "\n", "a\nb\n\nc",
    "tab\there", "<bos>", "<eos> a <pad>", "<unk><mask>", "<0x41>", "\u2581a\u2581\u2581b", "\u00a0nbsp", "é e\u0301", "İstanbul", "ΟΔΟΣ",
    "12345 3.14", "snake_case kebab-case", "a" * 100, "猫" * 100, "the quick brown fox jumps over the lazy dog", "\ufffd\ufeff\u202e",
]

FLAGS = [
    {"content": "<l>", "lstrip": True}, {"content": "<r>", "rstrip": True}, {"content": "<lr>", "lstrip": True, "rstrip": True},
    {"content": "word", "single_word": True}, {"content": "wordy", "normalized": True}, {"content": "<norm>", "normalized": True},
    {"content": "<norm><norm>", "normalized": True, "rstrip": True}, {"content": "猫"}, {"content": "猫猫", "single_word": True}, {"content": "<l"},
]
FLAG_TEXTS = [
    "a <l> b", "a  \t\u3000<l>  b", "a <r> \n b", "a \u00a0<lr>\u2003 b", "<l><r><lr>", " <lr> ", "word", "a word b", "aword wordb", "word.", "(word)",
    "word_", "wordé", "éword", "word\u0301", "猫word", "word1", "wordy", "a wordy b", "wordwordy", "<norm>", "a<norm>b", "<norm><norm> c",
    "<norm><norm><norm>", "猫", "猫猫", "猫猫猫", "a猫猫 b", "猫猫 猫", "<l", "<ll>", "<l<l>", "  <l", "<lr", "<r>  <l>", "<r>\n\n<l>", "a<bos> <l>", "word word",
    "word\u200dword", "\u2581<l>", "<r>\u2581", "<r>\u001c x", "",
]


def emoji_cases():
    tokenizer = transformers.AutoTokenizer.from_pretrained(EMOJI)
    return [{"prompt": p, "input_ids": tokenizer(p).input_ids} for p in PROMPTS]


def added_token_cases():
    definition = json.loads((HERE / "gemma" / "tokenizer.json").read_text("utf-8"))
    blank = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": False}
    first = len(definition["model"]["vocab"])
    known = definition["model"]["vocab"]
    added, next_id = [], first
    for token in FLAGS:
        if token["content"] in known:
            token_id = known[token["content"]]
        else:
            token_id, next_id = next_id, next_id + 1
        added.append({"id": token_id, **blank, **token})
    definition["added_tokens"] += added
    tokenizer = tokenizers.Tokenizer.from_str(json.dumps(definition))
    return {"added_tokens": added, "cases": [{"text": t, "input_ids": tokenizer.encode(t).ids} for t in FLAG_TEXTS]}


def cleaning_cases():
    rng = random.Random(20240)
    cased = [chr(c) for c in range(0x20000) if not 0xD800 <= c < 0xE000 and chr(c).lower() != chr(c)]
    odd = list("ΣΣΣσςaAbI.:'-1_ İIıßẞŉǰᾈΩKÅ") + ["\u00ad", "\u0301", "\u0307", "\u0345", "\u200b", "\u200d", "\u2019", "\U0001d400", "\U00010400", "猫"]
    spaces = ["\t", "\n", "\v", "\f", "\r", "\x1c", "\x1d", "\x1e", "\x1f", " ", "\x85", "\xa0", "\u1680", "\u2000", "\u200a", "\u2028", "\u2029",
              "\u202f", "\u205f", "\u3000", "\u200b", "\ufeff", "\u180e", "\0"]
    texts = ["", " ", "A", "ΣΊΣΥΦΟΣ ΟΔΟΣ", "İstanbul ILIK", "ΑΣ.", "ΑΣ'Β", "Σ", "ΑΣ\u0301", "A\u00adΣ", "a\0B"]
    texts += [s + "Ab" + s for s in spaces] + [s for s in spaces]
    texts += ["".join(rng.choice(odd) for _ in range(rng.randrange(1, 9))) for _ in range(150)]
    texts += ["".join(rng.choice(odd + spaces + cased) for _ in range(rng.randrange(1, 12))) for _ in range(150)]
    texts += ["".join(cased[i:i + 40]) for i in range(0, len(cased), 40)]
    return [[t, t.lower().strip()] for t in texts]


def write(name, content):
    text = json.dumps({"versions": VERSIONS, **content}, ensure_ascii=True, separators=(",", ":"))
    (HERE / name).write_text(text.replace('],[', '],\n[').replace('},{', '},\n{') + "\n", "ascii")


write("emoji_cases.json", {"cases": emoji_cases()})
write("added_token_cases.json", added_token_cases())
write("cleaning_cases.json", {"cases": cleaning_cases()})
