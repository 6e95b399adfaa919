"""PriorTransformers of diffusers that between them use every option, one evaluation each, in test/golden/prior-transformer/.

    python test/golden/prior-transformer.py

cases.json holds each configuration and the shapes of its parameters under its name. The weights are not stored:
`weight_values` makes them from the parameter's name, and named-weights.ts does the same. <name>.safetensors holds
    noised, timestep                       [B, D] or [B, n, D], [B] f32
    projEmbedding, encoderHiddenStates, attentionMask
    out                                    what the model returns
    post                                   what post_process_latents makes of it
and for one of them the gradients of mean(out^2): grad.noised and grad.<parameter> (float64, rounded at the end).

counts.json holds the number of parameters of published configurations, counted without making them.
"""

import json
import shutil
from pathlib import Path

import torch
from diffusers import PriorTransformer
from safetensors.torch import save_file

from named_weights import weight_values

ROOT = Path(__file__).parent / "prior-transformer"

SMALL = dict(num_attention_heads=2, attention_head_dim=8, num_layers=2, embedding_dim=12, num_embeddings=5)

CASES = {
    "karlo": dict(config=SMALL, gradients=True),
    "without-mask": dict(config=SMALL, mask=False),
    "normalized": dict(config={**SMALL, "norm_in_type": "layer", "embedding_proj_norm_type": "layer", "num_layers": 1}),
    "widths": dict(config={**SMALL, "time_embed_dim": 24, "embedding_proj_dim": 10, "clip_embed_dim": 14, "time_embed_act_fn": "gelu"}),
    # Shap-E's: a sequence of latents under an image's tokens, read where it was noised.
    "sequence": dict(config={**SMALL, "encoder_hid_proj_type": None, "added_emb_type": None, "additional_embeddings": 0,
                             "norm_in_type": "layer", "dropout": 0.1, "num_embeddings": 4},
                     text=False, sequence=4, tokens=3),
    "no-query": dict(config={**SMALL, "added_emb_type": None, "additional_embeddings": 3}),
    "one-head": dict(config={**SMALL, "num_attention_heads": 1, "attention_head_dim": 20, "num_layers": 3, "num_embeddings": 7, "embedding_dim": 16}),
}

PUBLISHED = {
    "karlo": dict(num_attention_heads=32, attention_head_dim=64, num_layers=20, embedding_dim=768, num_embeddings=77),
    "paper": dict(num_attention_heads=32, attention_head_dim=64, num_layers=24, embedding_dim=768, num_embeddings=256),
    "shap-e": dict(num_attention_heads=16, attention_head_dim=64, num_layers=24, embedding_dim=1048576 // 1024, num_embeddings=1024,
                   additional_embeddings=0, time_embed_act_fn="gelu", norm_in_type="layer", encoder_hid_proj_type=None,
                   added_emb_type=None, time_embed_dim=4096, embedding_proj_dim=768, clip_embed_dim=2048),
}


def evaluate(name, config, mask=True, text=True, sequence=None, tokens=None, gradients=False):
    model = PriorTransformer(**config).eval()
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            parameter.copy_(weight_values(key, tuple(parameter.shape)))
    generator = torch.Generator().manual_seed(len(name))
    draw = lambda *shape: torch.randn(*shape, generator=generator)
    width, length = config["embedding_dim"], config["num_embeddings"]
    io = {"noised": draw(2, sequence, width) if sequence else draw(2, width), "timestep": torch.tensor([3.0, 920.0])}
    proj = config.get("embedding_proj_dim") or width
    io["projEmbedding"] = draw(2, tokens, proj) if tokens else draw(2, proj)
    if text:
        io["encoderHiddenStates"] = draw(2, length, width)
        if mask:
            io["attentionMask"] = (torch.arange(length)[None, :] < torch.tensor([[length], [length - 3]])).float()

    def run(noised):
        return model(noised, io["timestep"].to(noised.dtype), io["projEmbedding"].to(noised.dtype),
                     encoder_hidden_states=io["encoderHiddenStates"].to(noised.dtype) if text else None,
                     attention_mask=io.get("attentionMask")).predicted_image_embedding

    with torch.no_grad():
        io["out"] = run(io["noised"])
        io["post"] = model.post_process_latents(io["out"])
    if gradients:
        model = model.double()
        noised = io["noised"].double().requires_grad_()
        run(noised).square().mean().backward()
        io["grad.noised"] = noised.grad.float()
        io |= {f"grad.{key}": p.grad.float() for key, p in model.named_parameters() if p.grad is not None}
    save_file({key: value.contiguous() for key, value in io.items()}, ROOT / f"{name}.safetensors")
    stored = {key: value for key, value in model.config.items() if not key.startswith("_")}
    print(f"{name}: {sum(p.numel() for p in model.parameters())} parameters, |out| up to {io['out'].abs().max():.2f}")
    return {"config": stored, "parameters": {key: list(p.shape) for key, p in model.state_dict().items()}}


def count(config):
    with torch.device("meta"):
        model = PriorTransformer(**config)
    stored = {key: value for key, value in model.config.items() if not key.startswith("_")}
    return {"config": stored, "parameters": sum(p.numel() for p in model.parameters())}


def lines(values):
    return "{\n" + ",\n".join(f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in values.items()) + "\n}\n"


if __name__ == "__main__":
    torch.set_num_threads(1)
    shutil.rmtree(ROOT, ignore_errors=True)
    ROOT.mkdir()
    (ROOT / "cases.json").write_text(lines({name: evaluate(name, **case) for name, case in CASES.items()}))
    (ROOT / "counts.json").write_text(lines({name: count(config) for name, config in PUBLISHED.items()}))
