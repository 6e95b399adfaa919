"""DALL·E 2's autoregressive prior in PyTorch, one evaluation each of two small networks, in test/golden/autoregressive-prior/.

    python test/golden/autoregressive-prior.py

No library has this network, so it stands here, written from section 2.2 of the paper (Ramesh et al. 2022) with PyTorch's own
layers. cases.json holds each configuration and the shapes of its parameters under its name. The weights are not stored:
`weight_values` makes them from the parameter's name, and named-weights.ts does the same. <name>.safetensors holds
    buckets, similarity                    [B, K], [B] i64
    text_embeds, encoder_hidden_states, encoder_attention_mask
    logits                                 [B, K, V]
    loss                                   [1] the cross-entropy, mean over batch and components
and grad.<parameter> of the loss (float64, rounded at the end).

counts.json holds the number of parameters of a network of the paper's size, counted without making it.
"""

import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

from named_weights import weight_values

ROOT = Path(__file__).parent / "autoregressive-prior"

SMALL = dict(num_attention_heads=2, attention_head_dim=8, num_layers=2, embedding_dim=12, num_embeddings=5, num_components=6,
             num_buckets=9, num_similarities=4, dropout=0)
CASES = {"small": SMALL, "one-head": {**SMALL, "num_attention_heads": 1, "attention_head_dim": 20, "num_layers": 1, "num_components": 12, "num_buckets": 3}}
# Table 3 of the paper; a CLIP of 1,024 values. With 63 tokens of the caption and two more its context of 384 is full.
PAPER = dict(num_attention_heads=26, attention_head_dim=64, num_layers=24, embedding_dim=1024, num_embeddings=63, num_components=319,
             num_buckets=1024, num_similarities=32, dropout=0)


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.to_q, self.to_k, self.to_v = (nn.Linear(width, width) for _ in range(3))
        self.to_out = nn.ModuleList([nn.Linear(width, width)])

    def forward(self, x, seen):
        split = lambda y: y.unflatten(2, (self.heads, -1)).transpose(1, 2)
        mixed = F.scaled_dot_product_attention(split(self.to_q(x)), split(self.to_k(x)), split(self.to_v(x)), attn_mask=seen)
        return self.to_out[0](mixed.transpose(1, 2).flatten(2))


class GELU(nn.Module):
    def __init__(self, width, hidden):
        super().__init__()
        self.proj = nn.Linear(width, hidden)

    def forward(self, x):
        return F.gelu(self.proj(x))


class FeedForward(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.net = nn.Sequential(GELU(width, 4 * width), nn.Dropout(0), nn.Linear(4 * width, width))

    def forward(self, x):
        return self.net(x)


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.norm1, self.attn1 = nn.LayerNorm(width), Attention(width, heads)
        self.norm3, self.ff = nn.LayerNorm(width), FeedForward(width)

    def forward(self, x, seen):
        x = x + self.attn1(self.norm1(x), seen)
        return x + self.ff(self.norm3(x))


class AutoregressivePrior(nn.Module):
    def __init__(self, num_attention_heads, attention_head_dim, num_layers, embedding_dim, num_embeddings, num_components, num_buckets,
                 num_similarities, dropout):
        super().__init__()
        width = num_attention_heads * attention_head_dim
        self.encoder_hidden_states_proj = nn.Linear(embedding_dim, width)
        self.embedding_proj = nn.Linear(embedding_dim, width)
        self.similarity_embedding = nn.Embedding(num_similarities + 1, width)
        self.bucket_embedding = nn.Embedding(num_buckets, width)
        self.positional_embedding = nn.Parameter(torch.empty(1, num_embeddings + 2 + num_components - 1, width))
        self.transformer_blocks = nn.ModuleList(Block(width, num_attention_heads) for _ in range(num_layers))
        self.norm_out = nn.LayerNorm(width)
        self.proj_to_buckets = nn.Linear(width, num_buckets)
        # Not of the network: they make an embedding of the buckets.
        self.clip_mean = nn.Parameter(torch.empty(1, embedding_dim), requires_grad=False)
        self.clip_components = nn.Parameter(torch.empty(num_components, embedding_dim), requires_grad=False)
        self.bucket_start = nn.Parameter(torch.empty(1, num_components), requires_grad=False)
        self.bucket_width = nn.Parameter(torch.empty(1, num_components), requires_grad=False)

    def forward(self, buckets, similarity, text_embeds, encoder_hidden_states, encoder_attention_mask):
        prefix = [self.encoder_hidden_states_proj(encoder_hidden_states), self.embedding_proj(text_embeds)[:, None],
                  self.similarity_embedding(similarity)[:, None]]
        x = torch.cat([*prefix, self.bucket_embedding(buckets[:, :-1])], dim=1) + self.positional_embedding
        length = x.shape[1]
        present = F.pad(encoder_attention_mask, (0, length - encoder_attention_mask.shape[1]), value=1).bool()
        seen = present[:, None, None, :] & torch.ones(length, length, dtype=torch.bool).tril()
        for block in self.transformer_blocks:
            x = block(x, seen)
        return self.proj_to_buckets(self.norm_out(x[:, -buckets.shape[1]:]))


def evaluate(name, config):
    model = AutoregressivePrior(**config).eval()
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            parameter.copy_(weight_values(key, tuple(parameter.shape)))
    generator = torch.Generator().manual_seed(len(name))
    draw = lambda *shape: torch.randn(*shape, generator=generator)
    length, width = config["num_embeddings"], config["embedding_dim"]
    io = {
        "buckets": torch.randint(config["num_buckets"], (2, config["num_components"]), generator=generator),
        # The last stands for "not said".
        "similarity": torch.tensor([1, config["num_similarities"]]),
        "text_embeds": draw(2, width),
        "encoder_hidden_states": draw(2, length, width),
        "encoder_attention_mask": (torch.arange(length)[None, :] < torch.tensor([[length], [length - 3]])).float(),
    }
    with torch.no_grad():
        io["logits"] = model(*io.values())
    model = model.double()
    logits = model(*(value.double() if value.is_floating_point() else value for key, value in io.items() if key != "logits"))
    loss = F.cross_entropy(logits.flatten(0, 1), io["buckets"].flatten())
    loss.backward()
    io["loss"] = loss.detach().float()[None]
    io |= {f"grad.{key}": p.grad.float() for key, p in model.named_parameters() if p.grad is not None}
    save_file({key: value.contiguous() for key, value in io.items()}, ROOT / f"{name}.safetensors")
    print(f"{name}: {sum(p.numel() for p in model.parameters())} parameters, |logits| up to {io['logits'].abs().max():.2f}, loss {loss:.4f}")
    return {"config": config, "parameters": {key: list(p.shape) for key, p in model.named_parameters()}}


def count(config):
    with torch.device("meta"):
        model = AutoregressivePrior(**config)
    return {"config": config, "parameters": sum(p.numel() for p in model.parameters())}


def lines(values):
    return "{\n" + ",\n".join(f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in values.items()) + "\n}\n"


if __name__ == "__main__":
    torch.set_num_threads(1)
    shutil.rmtree(ROOT, ignore_errors=True)
    ROOT.mkdir()
    (ROOT / "cases.json").write_text(lines({name: evaluate(name, config) for name, config in CASES.items()}))
    (ROOT / "counts.json").write_text(lines({"paper": count(PAPER)}))
