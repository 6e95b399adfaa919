"""Random numbers in graphs, computed with whole numbers alone: uniform.json.

    python test/golden/uniform.py

The definition of src/core/ops/random.ts in Python's integers instead of floats: keys from Philox4x32-10, words from a
Feistel cipher of 24 bits, numbers from inner products modulo 2^16.
"""

import json
from pathlib import Path

MASK = 0xFFFFFFFF
WORDS, COLUMNS, ROUNDS = 12, 512, 6


def philox(counter, key):
    c, k = counter, key
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(p1 >> 32) ^ c[1] ^ k[0], p1 & MASK, (p0 >> 32) ^ c[3] ^ k[1], p0 & MASK]
        k = [(k[0] + 0x9E3779B9) & MASK, (k[1] + 0xBB67AE85) & MASK]
    return c


def fnv1a(text):
    value = 0x811C9DC5
    for letter in text:
        value = ((value ^ ord(letter)) * 0x01000193) & MASK
    return value


def key(seed, purpose, index):
    """Six words of 12 bits."""
    words = [w for block in range(2) for w in philox([block, index, 0, fnv1a(purpose)], [seed, 0])]
    return [w >> 20 for w in words[:ROUNDS]]


def encipher(counter, keys):
    left, right = counter >> 12, counter & 4095
    for k in keys:
        mixed = (right + k) & 4095
        left, right = right, (left + (mixed * mixed >> 6)) & 4095
    return left, right


def line(index, keys):
    halves = [encipher(index * WORDS // 2 + block, keys) for block in range(WORDS // 2)]
    return [(h >> 1) - 1024 for side in (0, 1) for h in (pair[side] for pair in halves)]


def uniform(seed, step, site, positions):
    keys = [(a + b) & 4095 for a, b in zip(key(seed, "random key", step), key(0, f"random site {site}", 0))]
    numbers = []
    for position in positions:
        row, column = divmod(position, COLUMNS)
        products = sum(a * b for a, b in zip(line(COLUMNS + row, keys), line(column, keys)))
        numbers.append(products & 0xFFFF)
    return numbers


if __name__ == "__main__":
    positions = [0, 1, 2, 3, 255, 256, 511, 512, 513, 1000, 65535, 65536, 99999]
    cases = [(0, 0, "dropout 0"), (0, 1, "dropout 0"), (0, 0, "dropout 1"), (7, 123456, "params/dropout 3")]
    record = {
        "positions": positions,
        "cases": [{"seed": seed, "step": step, "site": site, "numbers": uniform(seed, step, site, positions)} for seed, step, site in cases],
    }
    Path(__file__).with_suffix(".json").write_text(json.dumps(record, indent=1) + "\n")
