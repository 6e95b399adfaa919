"""UNet2DModels of diffusers that between them use every option and every block, one evaluation each, in test/golden/unet2d-options/.

    python test/golden/unet2d-options.py

cases.json holds each configuration under its name. The weights are not stored: `weight_values` makes them from the parameter's
name, and named-weights.ts does the same. <name>.safetensors holds
    sample       [B, C, H, W] f32
    timestep     [B] f32
    class_labels [B] i64 or f32, or [B, D] f32, only where the model takes them
    out_sample   [B, C, H, W] f32, what the model returns
    out_training [B, C, H, W] f32, what it returns in training, its dropout with the masks of uniform.py for seed 3 and step 5
and for those with gradients
    target       [B, C, H, W] f32
    grad.sample and grad.<parameter>, those of mean((out_sample - target)^2), in float64 and rounded at the end
"""

import json
import shutil
from pathlib import Path
from unittest.mock import patch

import torch
from diffusers import UNet2DModel
from safetensors.torch import save_file

from named_weights import weight_values
from uniform import uniform as drawn

ROOT = Path(__file__).parent / "unet2d-options"


def masked_dropout():
    """Dropout whose nth call has the mask of site n; those of attention, which have p = 0, do not count."""
    site = 0

    def dropout(layer, x):
        nonlocal site
        if layer.p == 0:
            return x
        numbers = torch.tensor(drawn(3, 5, f"dropout {site}", range(x.numel()))).reshape(x.shape) / 2**16
        site += 1
        return torch.zeros_like(x) if layer.p == 1 else x * (numbers >= layer.p) / (1 - layer.p)

    return dropout


SMALL = dict(block_out_channels=[8, 16], layers_per_block=1, norm_num_groups=4, attention_head_dim=4)
PLAIN = dict(down_block_types=["DownBlock2D", "DownBlock2D"], up_block_types=["UpBlock2D", "UpBlock2D"])
ATTENTION = dict(down_block_types=["AttnDownBlock2D", "AttnDownBlock2D"], up_block_types=["AttnUpBlock2D", "AttnUpBlock2D"])
K = dict(block_out_channels=[32, 32], layers_per_block=2, norm_num_groups=8, attention_head_dim=8)

CASES = {
    # Resampling inside residual blocks, by the blocks with attention; gain and shift by the time; no norm before the middle attention.
    "resnet-resampling": dict(gradients=True, size=[8, 12], config=dict(
        **SMALL, **ATTENTION, downsample_type="resnet", upsample_type="resnet", resnet_time_scale_shift="scale_shift",
        norm_eps=1e-6, mid_block_scale_factor=1.4, downsample_padding=0)),
    # A norm of its own before the middle attention; resampling blocks without attention; a table of times.
    "resnet-blocks": dict(size=[12, 8], config=dict(
        **SMALL, down_block_types=["ResnetDownsampleBlock2D"] * 2, up_block_types=["ResnetUpsampleBlock2D"] * 2, in_channels=4, out_channels=5,
        resnet_time_scale_shift="scale_shift", attn_norm_num_groups=8, time_embedding_type="learned", num_train_timesteps=50, time_embedding_dim=24)),
    # NCSN++: a picture goes along, Fourier features of the noise level, the output divided by it. No groups are given.
    "skip": dict(gradients=True, size=[8, 12], times=[0.5, 1.0, 40.0], config=dict(
        block_out_channels=[8, 16, 16], layers_per_block=1, norm_num_groups=None, add_attention=False, time_embedding_type="fourier", norm_eps=1e-6,
        mid_block_scale_factor=2**0.5, center_input_sample=True,
        down_block_types=["SkipDownBlock2D"] * 3, up_block_types=["SkipUpBlock2D"] * 3)),
    "skip-attention": dict(size=[4, 8], config=dict(
        block_out_channels=[32, 64], layers_per_block=1, norm_num_groups=8, attention_head_dim=None, time_embedding_type="fourier", mid_block_scale_factor=2**0.5,
        down_block_types=["SkipDownBlock2D", "AttnSkipDownBlock2D"], up_block_types=["AttnSkipUpBlock2D", "SkipUpBlock2D"]), times=[3, 700]),
    "skip-attention-below-the-top": dict(size=[8, 8], config=dict(
        block_out_channels=[32, 32], layers_per_block=2, norm_num_groups=8, attention_head_dim=16,
        down_block_types=["AttnSkipDownBlock2D", "DownBlock2D"], up_block_types=["UpBlock2D", "AttnSkipUpBlock2D"])),
    "k": dict(size=[8, 12], config=dict(**K, act_fn="Swish", down_block_types=["KDownBlock2D"] * 2, up_block_types=["KUpBlock2D"] * 2)),
    # The lowest blocks are as wide as the time embedding, so the way up begins with self-attention and takes no activation.
    "k-attention": dict(size=[8, 4], config=dict(
        **{**K, "layers_per_block": 1}, time_embedding_dim=32,
        down_block_types=["KCrossAttnDownBlock2D"] * 2, up_block_types=["KCrossAttnUpBlock2D", "KUpBlock2D"])),
    "k-attention-above": dict(size=[8, 4], config=dict(
        **{**K, "block_out_channels": [32, 64], "layers_per_block": 1, "attention_head_dim": 5}, mid_block_type=None,
        down_block_types=["KCrossAttnDownBlock2D", "KDownBlock2D"], up_block_types=["KCrossAttnUpBlock2D", "KCrossAttnUpBlock2D"])),
    # Heads that do not divide the channels: three of five in sixteen. Old names of blocks. No middle block.
    "uneven-heads": dict(size=[8, 4], config=dict(
        **{**SMALL, "attention_head_dim": 5}, mid_block_type=None, flip_sin_to_cos=False, freq_shift=1,
        down_block_types=["UNetResDownBlock2D", "UNetResAttnDownBlock2D"], up_block_types=["UNetResAttnUpBlock2D", "UNetResUpBlock2D"])),
    "class-timestep": dict(size=[8, 4], labels="values", config=dict(**SMALL, **PLAIN, class_embed_type="timestep", act_fn="relu", sample_size=[8, 4])),
    "class-identity": dict(size=[8, 4], labels="vectors", config=dict(**SMALL, **PLAIN, class_embed_type="identity", act_fn="mish", dropout=0.3, center_input_sample=True)),
    "class-labels": dict(size=[4, 8], labels="labels", config=dict(**SMALL, **PLAIN, num_class_embeds=7, act_fn="gelu", add_attention=False, downsample_padding=0)),
    # Dropout in every kind of residual block, seen in training.
    "dropout": dict(size=[4, 8], training=True, config=dict(
        block_out_channels=[32, 32], layers_per_block=1, norm_num_groups=8, dropout=0.25, mid_block_scale_factor=2,
        down_block_types=["SkipDownBlock2D", "KDownBlock2D"], up_block_types=["ResnetUpsampleBlock2D", "KUpBlock2D"])),
    # One layer of attention with one head over all channels, an odd width of the time features, three levels.
    "odd-width": dict(size=[8, 12], config=dict(
        block_out_channels=[15, 15, 30], layers_per_block=2, norm_num_groups=3, attention_head_dim=None, freq_shift=1, in_channels=2, out_channels=1,
        down_block_types=["DownBlock2D", "ResnetDownsampleBlock2D", "AttnDownBlock2D"], up_block_types=["AttnUpBlock2D", "ResnetUpsampleBlock2D", "UpBlock2D"])),
    # What diffusers takes and does not use, or takes for something else.
    "taken-for-others": dict(size=[8, 4], config=dict(
        **SMALL, **ATTENTION, downsample_type="resnet", upsample_type="", downsample_padding=2, mid_block_type="UNetMidBlock2DCrossAttn",
        add_attention=None, time_embedding_dim=0, class_embed_type="projection", num_class_embeds=7, center_input_sample=1, flip_sin_to_cos=None)),
    "not-used": dict(size=[4, 8], training=True, config=dict(
        **{**SMALL, "attention_head_dim": 0}, **PLAIN, downsample_type="pool", upsample_type="nearest", downsample_padding=[1, 1], dropout=1,
        add_attention=False, num_train_timesteps=0)),
    "k-any-shift": dict(size=[8, 12], config=dict(
        **{**K, "layers_per_block": 1}, mid_block_type=None, mid_block_scale_factor=0, resnet_time_scale_shift="ada_group", downsample_padding=None,
        down_block_types=["KDownBlock2D"] * 2, up_block_types=["KUpBlock2D"] * 2)),
}


def evaluate(name, size, config, times=None, labels=None, gradients=False, training=False):
    model = UNet2DModel(**config).eval()
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            parameter.copy_(weight_values(key, tuple(parameter.shape)))
    generator = torch.Generator().manual_seed(len(name))
    times = torch.tensor(times if times is not None else [0, 17, 49] if config.get("time_embedding_type") == "learned" else [0, 999])
    batch = len(times)
    sample = torch.randn(batch, config.get("in_channels", 3), *size, generator=generator)
    io = {"sample": sample, "timestep": times.float()}
    if labels == "labels":
        io["class_labels"] = torch.tensor([5, 0])
    if labels == "values":
        io["class_labels"] = torch.tensor([3.0, 250.0])
    if labels == "vectors":
        io["class_labels"] = torch.randn(batch, 4 * config["block_out_channels"][0], generator=generator)
    with torch.no_grad():
        out = model(sample, times, class_labels=io.get("class_labels")).sample
    io["out_sample"] = out
    if training:
        with torch.no_grad(), patch.object(torch.nn.Dropout, "forward", masked_dropout()):
            io["out_training"] = model.train()(sample, times).sample
    if gradients:
        io["target"] = torch.randn(out.shape, generator=generator)
        model = model.double()
        x = sample.double().requires_grad_()
        loss = (model(x, times.double()).sample - io["target"].double()).square().mean()
        loss.backward()
        io["grad.sample"] = x.grad.float()
        io |= {f"grad.{key}": p.grad.float() for key, p in model.named_parameters() if p.requires_grad}
    save_file({key: value.contiguous() for key, value in io.items()}, ROOT / f"{name}.safetensors")
    stored = {key: value for key, value in model.config.items() if not key.startswith("_")}
    print(f"{name}: {sum(p.numel() for p in model.parameters())} parameters, |out| up to {out.abs().max():.2f}, std {out.std():.2f}")
    return {"config": stored, "parameters": {key: list(p.shape) for key, p in model.state_dict().items()}}


if __name__ == "__main__":
    torch.set_num_threads(1)
    shutil.rmtree(ROOT, ignore_errors=True)
    ROOT.mkdir()
    cases = {name: evaluate(name, **case) for name, case in CASES.items()}
    (ROOT / "cases.json").write_text("{\n" + ",\n".join(f"  {json.dumps(name)}: {json.dumps(case)}" for name, case in cases.items()) + "\n}\n")
