"""Small random CLIP models of transformers with one evaluation each, under test/golden/clip/<name>/.

    python test/golden/clip.py

Every folder holds config.json and model.safetensors (save_pretrained) and io.safetensors:
    pixel_values        [images, C, H, W] f32        input_ids  [texts, L] i64
    attention_mask      [texts, L] i64, only where padding comes before the text
    image_features      [images, projection_dim]     text_features [texts, projection_dim], as get_image_features and get_text_features give them
    text_hidden, vision_hidden    the last hidden states
    logits_per_image, logits_per_text, loss (where there are as many images as texts)
and for the one with gradients grad.pixel_values and grad.<parameter>, the loss's gradients.
All in float32 on one thread. No parameter keeps its initial zero or one, so that a forgotten one shows.
"""

import shutil
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import CLIPConfig, CLIPModel, CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPVisionConfig, CLIPVisionModel, CLIPVisionModelWithProjection

ROOT = Path(__file__).parent / "clip"
LIMIT = 300 * 1024


def tower(width, heads, layers=2, mlp=None, **more):
    return dict(hidden_size=width, intermediate_size=mlp or 2 * width, num_attention_heads=heads, num_hidden_layers=layers, **more)


CASES = {
    # OpenAI's conventions at toy size: quick_gelu, the end token last in the vocabulary; carries the gradients.
    "gradients": dict(
        seed=1, gradients=True,
        text=tower(16, 2, vocab_size=40, max_position_embeddings=9, eos_token_id=39, bos_token_id=38, pad_token_id=39),
        vision=tower(16, 2, image_size=8, patch_size=4), top=dict(projection_dim=12),
        ids=[[38, 5, 6, 7, 39, 39, 39, 39, 39], [38, 1, 2, 3, 4, 5, 6, 7, 39], [38, 39, 39, 39, 39, 39, 39, 39, 39]]),
    # gelu; the end token in the middle of the vocabulary, zeros after it; one channel, pixels left over beside the patches; widths and depths differ.
    "gelu-end-token-7": dict(
        seed=2,
        text=tower(24, 3, layers=1, mlp=40, vocab_size=30, max_position_embeddings=12, eos_token_id=7, bos_token_id=6, pad_token_id=0, hidden_act="gelu"),
        vision=tower(32, 4, layers=2, image_size=11, patch_size=4, num_channels=1, hidden_act="gelu"), top=dict(projection_dim=20, logit_scale_init_value=4.0),
        ids=[[6, 29, 28, 7, 0, 0, 0], [6, 7, 29, 7, 0, 0, 0]]),
    # An early checkpoint: eos_token_id 2, and the largest id is where the text ends.
    "legacy-end-token": dict(
        seed=3,
        text=tower(16, 4, vocab_size=50, max_position_embeddings=8, eos_token_id=2, bos_token_id=0, pad_token_id=1),
        vision=tower(24, 2, image_size=9, patch_size=3), top=dict(projection_dim=16),
        ids=[[48, 2, 3, 49, 49, 49, 49, 49], [48, 9, 8, 7, 6, 2, 49, 49]]),
    # A function of its own in each tower, another eps, three layers; padding before the text, masked.
    "padding-before": dict(
        seed=4,
        text=tower(20, 5, layers=3, vocab_size=25, max_position_embeddings=10, eos_token_id=24, bos_token_id=23, pad_token_id=0, hidden_act="gelu_new", layer_norm_eps=1e-3),
        vision=tower(16, 1, layers=3, image_size=12, patch_size=6, hidden_act="relu", layer_norm_eps=1e-6), top=dict(projection_dim=8),
        ids=[[0, 0, 0, 23, 4, 5, 24], [0, 23, 1, 2, 3, 4, 24], [23, 9, 8, 7, 6, 5, 24]], masked=True),
}

SINGLE = {
    "text-only": (CLIPTextModel, CLIPTextConfig(**tower(16, 2, vocab_size=20, max_position_embeddings=6, eos_token_id=19, bos_token_id=18, pad_token_id=19))),
    "text-with-projection": (CLIPTextModelWithProjection, CLIPTextConfig(**tower(16, 2, vocab_size=20, max_position_embeddings=6, eos_token_id=5, bos_token_id=18, pad_token_id=19, projection_dim=10, hidden_act="gelu"))),
    "vision-only": (CLIPVisionModel, CLIPVisionConfig(**tower(16, 2, image_size=8, patch_size=4))),
    "vision-with-projection": (CLIPVisionModelWithProjection, CLIPVisionConfig(**tower(16, 2, image_size=8, patch_size=2, projection_dim=10))),
}


def perturb(model):
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * (0.2 if parameter.ndim == 1 else 0.1))


def save(name, model, io):
    folder = ROOT / name
    model.save_pretrained(folder)
    save_file({key: value.detach().contiguous() for key, value in io.items()}, folder / "io.safetensors")
    assert sum(file.stat().st_size for file in folder.iterdir()) < LIMIT, name


def write(name, seed, text, vision, top, ids, masked=False, gradients=False):
    torch.manual_seed(seed)
    model = CLIPModel(CLIPConfig(text_config=text, vision_config=vision, **top)).eval()
    perturb(model)
    ids = torch.tensor(ids)
    size, channels = vision["image_size"], vision.get("num_channels", 3)
    pixels = torch.randn(len(ids) if gradients else 3, channels, size, size, requires_grad=gradients)
    mask = {"attention_mask": (ids != text["pad_token_id"]).long()} if masked else {}
    out = model(input_ids=ids, pixel_values=pixels, **mask, return_loss=len(ids) == len(pixels))
    io = {
        "pixel_values": pixels, "input_ids": ids, **mask,
        "image_features": model.get_image_features(pixel_values=pixels).pooler_output,
        "text_features": model.get_text_features(input_ids=ids, **mask).pooler_output,
        "text_hidden": out.text_model_output.last_hidden_state, "vision_hidden": out.vision_model_output.last_hidden_state,
        "logits_per_image": out.logits_per_image, "logits_per_text": out.logits_per_text,
    }
    if out.loss is not None:
        io["loss"] = out.loss
    if gradients:
        out.loss.backward()
        io["grad.pixel_values"] = pixels.grad
        for key, parameter in model.named_parameters():
            io[f"grad.{key}"] = parameter.grad
    save(name, model, io)


def write_single(name, kind, config):
    torch.manual_seed(len(name))
    model = kind(config).eval()
    perturb(model)
    if name.startswith("text"):
        end = config.eos_token_id
        io = {"input_ids": torch.tensor([[18, 3, 4, end, 19, 19], [18, end, 19, 19, 19, 19]])}
    else:
        io = {"pixel_values": torch.randn(2, 3, 8, 8)}
    out = model(**io)
    io["last_hidden_state"] = out.last_hidden_state
    for key in ("pooler_output", "text_embeds", "image_embeds"):
        if getattr(out, key, None) is not None:
            io[key] = getattr(out, key)
    save(name, model, io)


if __name__ == "__main__":
    torch.set_num_threads(1)
    shutil.rmtree(ROOT, ignore_errors=True)
    for name, case in CASES.items():
        write(name, **case)
    for name, case in SINGLE.items():
        write_single(name, *case)
