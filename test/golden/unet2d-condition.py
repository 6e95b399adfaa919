"""UNet2DConditionModels of diffusers that between them use every option and every block, one evaluation each, in
test/golden/unet2d-condition/.

    python test/golden/unet2d-condition.py

cases.json holds each configuration under its name. The weights are not stored: `weight_values` makes them from the
parameter's name, and named-weights.ts does the same. <name>.safetensors holds
    sample, timestep           [B, C, H, W], [B] f32
    encoderHiddenStates …      the conditions, by the names that our network has for them
    out_sample                 [B, C, H, W] f32, what the model returns
and for those with gradients
    target                     [B, C, H, W] f32
    grad.sample, grad.encoderHiddenStates and grad.<parameter>, those of mean((out_sample - target)^2), in float64 and
    rounded at the end

counts.json holds the number of parameters of published networks, counted without making them.
"""

import json
import shutil
from pathlib import Path
from unittest.mock import patch

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.transformers.dual_transformer_2d import DualTransformer2DModel
from safetensors.torch import save_file

from named_weights import weight_values

ROOT = Path(__file__).parent / "unet2d-condition"

SMALL = dict(block_out_channels=[8, 16], layers_per_block=1, norm_num_groups=4, attention_head_dim=2, cross_attention_dim=12,
             in_channels=3, out_channels=3)
CROSS = dict(down_block_types=["CrossAttnDownBlock2D", "DownBlock2D"], up_block_types=["UpBlock2D", "CrossAttnUpBlock2D"])
SIMPLE = dict(down_block_types=["SimpleCrossAttnDownBlock2D", "ResnetDownsampleBlock2D"],
              up_block_types=["ResnetUpsampleBlock2D", "SimpleCrossAttnUpBlock2D"], mid_block_type="UNetMidBlock2DSimpleCrossAttn")
K = dict(block_out_channels=[32, 32], layers_per_block=2, norm_num_groups=8, attention_head_dim=8, cross_attention_dim=12)

CASES = {
    # Stable Diffusion's shape: heads by number, 1 × 1 convolutions around the transformers.
    "stable-diffusion": dict(gradients=True, mask=True, config=dict(**SMALL, **CROSS, sample_size=8)),
    "linear-projection": dict(config=dict(
        **{**SMALL, "layers_per_block": [1, 2], "attention_head_dim": [2, 4], "cross_attention_dim": [12, 20], "in_channels": 4},
        use_linear_projection=True, upcast_attention=True, transformer_layers_per_block=[2, 1], norm_eps=1e-6,
        down_block_types=["CrossAttnDownBlock2D", "AttnDownBlock2D"], up_block_types=["AttnUpBlock2D", "CrossAttnUpBlock2D"],
        mid_block_type="UNetMidBlock2D", downsample_padding=0)),
    "layers-by-level": dict(size=[8, 12], mask=True, config=dict(
        **{**SMALL, "block_out_channels": [8, 12, 16], "layers_per_block": [1, 2, 1], "attention_head_dim": [2, 3, 5]},
        down_block_types=["CrossAttnDownBlock2D"] * 3, up_block_types=["CrossAttnUpBlock2D"] * 3,
        transformer_layers_per_block=[1, [2, 1], 1], reverse_transformer_layers_per_block=[1, [1, 2, 1], [2, 1]],
        only_cross_attention=[True, False, True], mid_block_only_cross_attention=True, mid_block_scale_factor=1.4)),
    "odd-size": dict(size=[7, 10], config=dict(**SMALL, **CROSS, only_cross_attention=True, act_fn="gelu", resnet_time_scale_shift="scale_shift")),
    "no-middle": dict(config=dict(**{**SMALL, "block_out_channels": [8]}, down_block_types=["CrossAttnDownBlock2D"],
                                  up_block_types=["CrossAttnUpBlock2D"], mid_block_type=None, center_input_sample=True, dropout=0.3)),
    # IF's shape: keys of text and pixels in one softmax, resampling inside resnets, a pooled text.
    "if": dict(gradients=True, mask=True, config=dict(
        **{**SMALL, "attention_head_dim": 4}, **SIMPLE, encoder_hid_dim=16, encoder_hid_dim_type="text_proj", addition_embed_type="text",
        addition_embed_type_num_heads=4, resnet_time_scale_shift="scale_shift", resnet_skip_time_act=True, resnet_out_scale_factor=2**0.5,
        mid_block_scale_factor=2**0.5, act_fn="gelu", time_embedding_act_fn="gelu", timestep_post_act="silu")),
    # IF's super-resolution: the level of the noise augmentation is a class by `timestep`.
    "if-super-resolution": dict(labels="values", config=dict(
        **{**SMALL, "attention_head_dim": [4, 8], "in_channels": 6}, **SIMPLE, encoder_hid_dim=16, addition_embed_type="text",
        addition_embed_type_num_heads=2, class_embed_type="timestep", only_cross_attention=True, cross_attention_norm="group_norm") |
        {"cross_attention_dim": 32}),
    "simple-norm": dict(mask=True, config=dict(
        **{**SMALL, "block_out_channels": [16, 16], "cross_attention_dim": 16}, cross_attention_norm="layer_norm", time_embedding_dim=20,
        down_block_types=["SimpleCrossAttnDownBlock2D"] * 2, up_block_types=["SimpleCrossAttnUpBlock2D"] * 2,
        mid_block_type="UNetMidBlock2DSimpleCrossAttn")),
    # unCLIP's decoder: an image's embedding next to the time.
    "unclip": dict(labels="vectors", vectors=32, config=dict(**SMALL, **SIMPLE, class_embed_type="identity", resnet_time_scale_shift="scale_shift")),
    "unclip-2.1": dict(labels="vectors", vectors=24, config=dict(**SMALL, **CROSS, class_embed_type="projection", projection_class_embeddings_input_dim=24)),
    "class-concat": dict(labels="vectors", vectors=10, config=dict(
        **SMALL, **CROSS, class_embed_type="simple_projection", projection_class_embeddings_input_dim=10, class_embeddings_concat=True, act_fn="mish")),
    "class-labels": dict(labels="labels", config=dict(**SMALL, **CROSS, num_class_embeds=7, freq_shift=1, flip_sin_to_cos=False, conv_in_kernel=1, conv_out_kernel=5)),
    "text-time": dict(config=dict(**SMALL, **CROSS, addition_embed_type="text_time", addition_time_embed_dim=6, projection_class_embeddings_input_dim=28),
                      added=dict(text_embeds=10, time_ids=3)),
    "text-image": dict(mask=True, config=dict(**SMALL, **CROSS, encoder_hid_dim=16, encoder_hid_dim_type="text_image_proj", addition_embed_type="text_image"),
                       added=dict(text_embeds=12, image_embeds=12), mask_length=15),
    "image": dict(text=False, config=dict(**SMALL, **CROSS, encoder_hid_dim=16, encoder_hid_dim_type="image_proj", addition_embed_type="image"),
                  added=dict(image_embeds=16)),
    "fourier": dict(times=[0.3, 0.01], condition=9, config=dict(**SMALL, **CROSS, time_embedding_type="fourier", time_cond_proj_dim=9, timestep_post_act="relu")),
    "fourier-flipped": dict(times=[0.3, 0.9], config=dict(**SMALL, **CROSS, time_embedding_type="fourier", time_embedding_dim=14, flip_sin_to_cos=False)),
    "k": dict(mask=True, size=[8, 4], config=dict(
        **K, in_channels=3, time_embedding_dim=32, down_block_types=["KCrossAttnDownBlock2D"] * 2, mid_block_type=None,
        up_block_types=["KCrossAttnUpBlock2D", "KUpBlock2D"])),
    "k-without-groups": dict(size=[8, 4], config=dict(
        **{**K, "norm_num_groups": None, "attention_head_dim": 5, "layers_per_block": 1}, down_block_types=["UNetResKCrossAttnDownBlock2D", "KDownBlock2D"],
        mid_block_type=None, up_block_types=["KCrossAttnUpBlock2D"] * 2)),
    "dual": dict(length=80, dual=True, config=dict(**SMALL, **CROSS, dual_cross_attention=True)),
}

PUBLISHED = {
    "stable-diffusion-v1-5": dict(sample_size=64, cross_attention_dim=768),
    "stable-diffusion-2-1": dict(sample_size=96, cross_attention_dim=1024, attention_head_dim=[5, 10, 20, 20], use_linear_projection=True),
    "stable-diffusion-xl": dict(
        sample_size=128, block_out_channels=[320, 640, 1280], down_block_types=["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
        up_block_types=["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"], attention_head_dim=[5, 10, 20], cross_attention_dim=2048,
        transformer_layers_per_block=[1, 2, 10], use_linear_projection=True, addition_embed_type="text_time", addition_time_embed_dim=256,
        projection_class_embeddings_input_dim=2816),
    # DeepFloyd IF-I-M, from its published configuration.
    "if-i-m": dict(
        sample_size=64, in_channels=3, out_channels=6, act_fn="gelu", attention_head_dim=64, addition_embed_type="text", addition_embed_type_num_heads=64,
        block_out_channels=[192, 384, 576, 768], cross_attention_dim=768, cross_attention_norm="group_norm", encoder_hid_dim=4096,
        down_block_types=["ResnetDownsampleBlock2D", "SimpleCrossAttnDownBlock2D", "SimpleCrossAttnDownBlock2D", "SimpleCrossAttnDownBlock2D"],
        up_block_types=["SimpleCrossAttnUpBlock2D", "SimpleCrossAttnUpBlock2D", "SimpleCrossAttnUpBlock2D", "ResnetUpsampleBlock2D"],
        mid_block_type="UNetMidBlock2DSimpleCrossAttn", layers_per_block=3, mid_block_scale_factor=1, resnet_out_scale_factor=1,
        resnet_skip_time_act=True, resnet_time_scale_shift="scale_shift", time_embedding_act_fn="gelu"),
}


def evaluate(name, config, size=(8, 8), times=(0, 999), labels=None, vectors=None, mask=False, mask_length=None, text=True, length=5,
             added=None, condition=None, gradients=False, dual=False):
    model = UNet2DConditionModel(**config).eval()
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            parameter.copy_(weight_values(key, tuple(parameter.shape)))
    generator = torch.Generator().manual_seed(len(name))
    draw = lambda *shape: torch.randn(*shape, generator=generator)
    times = torch.tensor(times)
    batch = len(times)
    sample = draw(batch, config.get("in_channels", 4), *size)
    cross = config["cross_attention_dim"]
    width = config.get("encoder_hid_dim") or (cross[0] if isinstance(cross, list) else cross)
    io = {"sample": sample, "timestep": times.float()}
    if text:
        io["encoderHiddenStates"] = draw(batch, length, width)
    if mask:
        tokens = mask_length or length
        io["encoderAttentionMask"] = (torch.arange(tokens)[None, :] < torch.tensor([[tokens], [tokens - 3]])).float()
    if labels == "labels":
        io["classLabels"] = torch.tensor([5, 0])
    if labels == "values":
        io["classLabels"] = torch.tensor([3.0, 250.0])
    if labels == "vectors":
        io["classLabels"] = draw(batch, vectors)
    if condition:
        io["timestepCond"] = draw(batch, condition)
    kwargs = {}
    for key, extent in (added or {}).items():
        kwargs[key] = 100 * draw(batch, extent) if key == "time_ids" else draw(batch, extent)
        io[{"text_embeds": "textEmbeds", "image_embeds": "imageEmbeds", "time_ids": "timeIds"}[key]] = kwargs[key]

    def run(x, t, states):
        return model(x, t, states, class_labels=io.get("classLabels"), timestep_cond=io.get("timestepCond"),
                     encoder_attention_mask=io.get("encoderAttentionMask"), added_cond_kwargs=kwargs or None).sample

    forward = DualTransformer2DModel.forward
    # diffusers passes this class an argument that it does not take.
    without_mask = lambda self, *args, encoder_attention_mask=None, **rest: forward(self, *args, **rest)
    with torch.no_grad(), patch.object(DualTransformer2DModel, "forward", without_mask if dual else forward):
        out = run(sample, times, io.get("encoderHiddenStates"))
    io["out_sample"] = out
    if gradients:
        io["target"] = draw(*out.shape)
        model = model.double()
        x = sample.double().requires_grad_()
        states = io["encoderHiddenStates"].double().requires_grad_()
        loss = (run(x, times.double(), states) - io["target"].double()).square().mean()
        loss.backward()
        io["grad.sample"] = x.grad.float()
        io["grad.encoderHiddenStates"] = states.grad.float()
        io |= {f"grad.{key}": p.grad.float() for key, p in model.named_parameters() if p.requires_grad}
    save_file({key: value.contiguous() for key, value in io.items()}, ROOT / f"{name}.safetensors")
    stored = {key: value for key, value in model.config.items() if not key.startswith("_")}
    print(f"{name}: {sum(p.numel() for p in model.parameters())} parameters, |out| up to {out.abs().max():.2f}, std {out.std():.2f}")
    return {"config": stored, "parameters": {key: list(p.shape) for key, p in model.state_dict().items()}}


def count(config):
    with torch.device("meta"):
        model = UNet2DConditionModel(**config)
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
