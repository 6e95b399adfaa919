"""What transformers makes of a hundred texts with the real all-MiniLM-L6-v2, in test/golden/minilm.safetensors.

    python test/golden/minilm.py DIR

DIR is sentence-transformers/all-MiniLM-L6-v2 as it lies on the hub; it is not stored here. The file holds
    pooled  [100, 384] f16, mean over the tokens, unit vectors
    hidden  [100, 16, 8] f32, every 48th value of the last hidden states, zero where there is no token
of the texts in minilm.json, at most 16 tokens each. src/pipelines/minilm.test.ts compares where KUOSAN_MINILM names DIR.
"""

import json
import random
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from transformers import BertModel

ROOT = Path(__file__).parent
LENGTH = 16
KINDS = ["{a}", "{a} {b}", "a {a} with a {b}", "{a} off", "three {b}s", "an icon of a {a}", "{a} in a circle", "arrow left to {b}", "Café, naïve {a}!", "{a} next to a {b} under the moon at 10:45, by the sea, at night, with 3 balloons"]
THINGS = "folder heart bell camera calendar lock map-pin mail key cloud battery microphone umbrella rocket bicycle 猫 λ Straße C++ 100%".split()


def texts():
    draw = random.Random(3)
    found = ["", "folder", "a folder with a heart", "bell off"]
    while len(found) < 100:
        text = draw.choice(KINDS).format(a=draw.choice(THINGS), b=draw.choice(THINGS))
        if text not in found:
            found.append(text)
    return found


if __name__ == "__main__":
    torch.set_num_threads(1)
    folder = Path(sys.argv[1])
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(LENGTH)
    tokenizer.enable_padding(length=LENGTH, pad_id=0)
    rows = tokenizer.encode_batch(texts())
    ids, mask = torch.tensor([r.ids for r in rows]), torch.tensor([r.attention_mask for r in rows])
    with torch.no_grad():
        hidden = BertModel.from_pretrained(folder).eval()(input_ids=ids, attention_mask=mask).last_hidden_state
    present = mask.unsqueeze(-1).float()
    pooled = torch.nn.functional.normalize((hidden * present).sum(1) / present.sum(1), dim=1)
    save_file({"pooled": pooled.half(), "hidden": (hidden * present)[:, :, ::48].contiguous()}, ROOT / "minilm.safetensors")
    (ROOT / "minilm.json").write_text(json.dumps(texts(), ensure_ascii=False, indent=0) + "\n", encoding="utf-8")
