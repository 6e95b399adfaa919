"""Small random BERT and T5 encoders of transformers with one evaluation each, in test/golden/text-encoders/.

    python test/golden/text-encoders.py

cases.json holds each configuration as transformers writes it and the names and shapes of the tensors. The weights are
not stored: named_weights.py and named-weights.ts make them alike. <name>.safetensors holds
    input_ids       [B, L] i64
    attention_mask  [B, L] i64
    hidden          [B, L, D] f32, the last hidden states
    pooled          [B, D] f32, BERT only
buckets.json holds T5's buckets of distances for several settings.
"""

import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import BertConfig, BertModel, T5Config, T5EncoderModel
from transformers.models.t5.modeling_t5 import T5Attention

from named_weights import weight_values

ROOT = Path(__file__).parent / "text-encoders"

BERT = dict(vocab_size=40, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24, max_position_embeddings=12)
T5 = dict(vocab_size=40, d_model=16, d_kv=8, d_ff=24, num_layers=2, num_heads=2)

CASES = {
    "bert": (BertModel, BertConfig(**BERT)),
    "bert-one-head": (BertModel, BertConfig(**{**BERT, "num_attention_heads": 1, "num_hidden_layers": 1, "type_vocab_size": 1}, hidden_act="relu")),
    "bert-wide": (BertModel, BertConfig(**{**BERT, "hidden_size": 30, "num_attention_heads": 5, "num_hidden_layers": 3}, hidden_act="gelu_new", layer_norm_eps=1e-5)),
    "bert-quick": (BertModel, BertConfig(**{**BERT, "intermediate_size": 50, "max_position_embeddings": 9}, hidden_act="quick_gelu", layer_norm_eps=1e-3, pad_token_id=3)),
    "t5": (T5EncoderModel, T5Config(**T5)),
    "t5-gated": (T5EncoderModel, T5Config(**{**T5, "num_layers": 3}, feed_forward_proj="gated-gelu", layer_norm_epsilon=1e-5)),
    "t5-heads": (T5EncoderModel, T5Config(**{**T5, "num_heads": 3, "d_kv": 5}, relative_attention_num_buckets=8, relative_attention_max_distance=10)),
    "t5-gated-silu": (T5EncoderModel, T5Config(**{**T5, "d_ff": 10}, feed_forward_proj="gated-silu", relative_attention_num_buckets=12, relative_attention_max_distance=6)),
}


def evaluate(name, kind, config):
    model = kind(config).eval()
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            # Names that we write in another way still have the values of the published ones.
            parameter.copy_(weight_values(key, tuple(parameter.shape)))
    generator = torch.Generator().manual_seed(len(name))
    ids = torch.randint(0, 40, (3, 9), generator=generator)
    mask = (torch.arange(9)[None, :] < torch.tensor([[9], [4], [1]])).long()
    with torch.no_grad():
        out = model(input_ids=ids, attention_mask=mask)
    io = {"input_ids": ids, "attention_mask": mask, "hidden": out.last_hidden_state}
    if kind is BertModel:
        io["pooled"] = out.pooler_output
    save_file({key: value.contiguous() for key, value in io.items()}, ROOT / f"{name}.safetensors")
    names = {key: list(p.shape) for key, p in model.named_parameters()}
    print(f"{name}: |hidden| up to {out.last_hidden_state.abs().max():.2f}")
    return {"class": kind.__name__, "config": json.loads(config.to_json_string(use_diff=False)), "parameters": names}


def buckets(length, count, far):
    position = torch.arange(length)
    relative = position[None, :] - position[:, None]
    return T5Attention._relative_position_bucket(relative, bidirectional=True, num_buckets=count, max_distance=far)[0].tolist() + \
        T5Attention._relative_position_bucket(relative, bidirectional=True, num_buckets=count, max_distance=far)[-1].tolist()


if __name__ == "__main__":
    torch.set_num_threads(1)
    shutil.rmtree(ROOT, ignore_errors=True)
    ROOT.mkdir()
    cases = {name: evaluate(name, *case) for name, case in CASES.items()}
    (ROOT / "cases.json").write_text("{\n" + ",\n".join(f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in cases.items()) + "\n}\n")
    settings = [(300, 32, 128), (300, 32, 256), (150, 8, 100), (150, 12, 6), (300, 64, 200)]
    rows = [{"length": n, "buckets": b, "maxDistance": d, "firstAndLastRow": buckets(n, b, d)} for n, b, d in settings]
    (ROOT / "buckets.json").write_text("[\n" + ",\n".join(f"  {json.dumps(row)}" for row in rows) + "\n]\n")
