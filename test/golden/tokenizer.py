"""What Python's tokenizers make of texts, by a tokenizer.json that `kuosan tokenizer train` wrote.

    python test/golden/tokenizer.py captions     writes tokenizer/captions.txt, from which
    npx kuosan tokenizer train --captions test/golden/tokenizer/captions.txt --vocab-size 700 --out test/golden/tokenizer/tokenizer.json
    python test/golden/tokenizer.py              writes tokenizer/ids.json: [text, ids] a line, by that tokenizer.json
    python test/golden/tokenizer.py FILE         prints a JSON list of ids for the JSON list of texts on standard input, by that file
"""

import json
import random
import sys
from pathlib import Path

ROOT = Path(__file__).parent / "tokenizer"

THINGS = "cat dog house tree bird boat café naïve piñata 猫 犬 дом Straße εικόνα πόλις صورة תמונה चित्र รูปภาพ 그림".split()
LOOKS = "small big red blue golden smiling sleepy très 大きい новый rainbow-colored o'clock don't it's they're".split()
PLACES = ["in the snow", "on a table", "under the moon", "at 10:45", "with 3 balloons", "near the café", "in Tokyo (東京)", "by the sea, at night"]
EMOJI = ["😀", "😂", "❤️", "👍🏽", "👩‍👩‍👧‍👦", "🇫🇷", "🏳️‍🌈", "☃", "✨", "🦄", "1️⃣", "🫠"]
ODD = [
    "İstanbul", "ΟΔΥΣΣΕΥΣ", "ǅ", "ﬁsh", "e\u0301tude", "Å", "A\u030a", "\u1100\u1161\u11a8", "ẞ", "①②", "½", "٣٤", "x²", "Ⅷ", "１２３", "ﾊﾝｶｸ", "\u200b", "\u00a0", "\u3000", "\u0085", "\ufeff", "\u180e", "\u2028",
    "\t", "\n", "\r\n", "\u0000", "\u001f", "�", "\U0001d54f", "\U00020000", "\ue000", "\U0010ffff", "\u0378", "a\u0300\u0323", "q\u0323\u0307", "ʼn", "\u0149", "'s", "'S", "’s", "'ll'", "''", "\"quoted\"", "“curly”", "‘single’", "«guillemets»", "„low“", "`tick`",
    "<|startoftext|>", "<|endoftext|>", "<|EndOfText|>", "<|endof", "</w>", "Ġ", "w</w>", "!!!", "...", "…", "—", "#1", "@home", "a_b", "snake_case", "C++", "x=y+2", "100%", "3.14", "2024-01-31", "http://example.com/?q=a&b", "&amp;", "\\n", "don't", "DON'T", "we'd've", "rock'n'roll",
    "हिन्दी", "ไทย", "עִבְרִית", "العَرَبِيَّة", "Ελληνικά", "ქართული", "Ქართული", "ᏣᎳᎩ", "𐐀𐐨", "Ǆ", "Å", "Ω", "K",
]


def captions():
    draw = random.Random(1)
    return [f"{draw.choice(['a', 'the', 'A photo of a', 'one'])} {draw.choice(LOOKS)} {draw.choice(THINGS)} {draw.choice(PLACES)}{draw.choice(['', '.', '!', ' ' + draw.choice(EMOJI)])}" for _ in range(400)]


def texts():
    draw = random.Random(2)
    found = ["", " ", "\n\n", "a" * 3000, "no " * 1500, "😀" * 700, "猫" * 900, "'" * 500, *ODD, *EMOJI, *captions()[:150]]
    pools = [ODD, EMOJI, THINGS, LOOKS, PLACES]
    while len(found) < 700:
        found.append(draw.choice(["", " ", "  "]).join(draw.choice(draw.choice(pools)) for _ in range(draw.randint(2, 8))))
    ranges = [(0x20, 0x7e), (0xa0, 0x24f), (0x250, 0x52f), (0x590, 0x6ff), (0x900, 0xe7f), (0x1e00, 0x20cf), (0x2100, 0x27bf), (0x3040, 0x30ff), (0x4e00, 0x9fff), (0xac00, 0xd7a3), (0xfb00, 0xfdff), (0xff00, 0xffef), (0x1f300, 0x1faff)]
    while len(found) < 1100:
        found.append("".join(chr(draw.randint(*draw.choice(ranges))) if draw.random() < 0.7 else draw.choice([" ", "a", "E", "'", "s", "7"]) for _ in range(draw.randint(1, 24))))
    return found


if __name__ == "__main__":
    if sys.argv[1:] == ["captions"]:
        ROOT.mkdir(exist_ok=True)
        (ROOT / "captions.txt").write_text("\n".join(captions()) + "\n", encoding="utf-8")
    else:
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(sys.argv[1] if len(sys.argv) > 1 else str(ROOT / "tokenizer.json"))
        if len(sys.argv) > 1:
            print(json.dumps([tokenizer.encode(text).ids for text in json.load(sys.stdin)]))
        else:
            lines = [json.dumps([text, tokenizer.encode(text).ids], separators=(",", ":")) for text in texts()]
            (ROOT / "ids.json").write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")
