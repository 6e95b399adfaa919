"""Small random UNet2DModels of diffusers with one evaluation each, under test/golden/unet2d/<name>/.

    python test/golden/unet2d.py

Every folder holds config.json and diffusion_pytorch_model.safetensors (save_pretrained) and io.safetensors:
    sample       [B, C, H, W] f32
    timestep     [B] i64
    class_labels [B] i64, only where the model has classes
    out_sample   [B, C, H, W] f32, what the model returns
and for the one with gradients
    target       [B, C, H, W] f32
    loss         [] f32, mean((out_sample - target)^2)
    grad.sample and grad.<parameter>, the loss's gradients
All in float32 on one thread. No parameter keeps its initial zero or one, so that a forgotten one shows.
"""

import json
import shutil
from pathlib import Path

import torch
from diffusers import UNet2DModel
from safetensors.torch import save_file

ROOT = Path(__file__).parent / "unet2d"
LIMIT = 300 * 1024

# Ho's conventions: padding 0, freq_shift 1, [sin, cos], eps 1e-6, one head.
HO = {"downsample_padding": 0, "freq_shift": 1, "flip_sin_to_cos": False, "norm_eps": 1e-6, "attention_head_dim": None}

CASES = {
    # The DDPM block pattern; carries the gradients.
    "ddpm-gradients": dict(
        seed=1, batch=2, gradients=True,
        config=dict(sample_size=8, in_channels=1, out_channels=1, block_out_channels=[8, 8, 8], layers_per_block=1, norm_num_groups=4,
                    down_block_types=["DownBlock2D", "AttnDownBlock2D", "DownBlock2D"],
                    up_block_types=["UpBlock2D", "AttnUpBlock2D", "UpBlock2D"], **HO)),
    # Two layers a block, three channels, attention at the last level only.
    "ddpm-two-layers": dict(
        seed=2, batch=2,
        config=dict(sample_size=8, in_channels=3, out_channels=3, block_out_channels=[8, 16], layers_per_block=2, norm_num_groups=4,
                    down_block_types=["DownBlock2D", "AttnDownBlock2D"], up_block_types=["AttnUpBlock2D", "UpBlock2D"], **HO)),
    # diffusers' defaults: padding 1, freq_shift 0, [cos, sin], heads of 8 channels.
    "heads-of-8": dict(
        seed=3, batch=2,
        config=dict(sample_size=8, in_channels=3, out_channels=3, block_out_channels=[8, 16], layers_per_block=1, norm_num_groups=8,
                    downsample_padding=1, freq_shift=0, flip_sin_to_cos=True, norm_eps=1e-5, attention_head_dim=8,
                    down_block_types=["AttnDownBlock2D", "AttnDownBlock2D"], up_block_types=["AttnUpBlock2D", "AttnUpBlock2D"])),
    # Height is not width; several heads of 4 channels; [cos, sin] with freq_shift 1; in and out channels differ.
    "wide-heads-of-4": dict(
        seed=4, batch=1,
        config=dict(sample_size=[8, 12], in_channels=1, out_channels=3, block_out_channels=[8, 16], layers_per_block=1, norm_num_groups=2,
                    downsample_padding=1, freq_shift=1, flip_sin_to_cos=True, norm_eps=1e-6, attention_head_dim=4,
                    down_block_types=["DownBlock2D", "AttnDownBlock2D"], up_block_types=["AttnUpBlock2D", "UpBlock2D"])),
    # Classes, a centred input, a scaled middle block that has attention; [sin, cos] with freq_shift 0.
    "classes": dict(
        seed=5, batch=3,
        config=dict(sample_size=8, in_channels=3, out_channels=1, block_out_channels=[8, 12], layers_per_block=1, norm_num_groups=4,
                    downsample_padding=1, freq_shift=0, flip_sin_to_cos=False, norm_eps=1e-5, attention_head_dim=4,
                    num_class_embeds=5, center_input_sample=True, mid_block_scale_factor=1.5, add_attention=True,
                    down_block_types=["DownBlock2D", "DownBlock2D"], up_block_types=["UpBlock2D", "UpBlock2D"])),
    # No attention anywhere, one level (so no down- or upsampling).
    "no-attention": dict(
        seed=6, batch=2,
        config=dict(sample_size=6, in_channels=3, out_channels=3, block_out_channels=[12], layers_per_block=2, norm_num_groups=3,
                    downsample_padding=0, freq_shift=0, flip_sin_to_cos=True, norm_eps=1e-5, attention_head_dim=None, add_attention=False,
                    down_block_types=["DownBlock2D"], up_block_types=["UpBlock2D"])),
}


def perturb(model):
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * (0.2 if parameter.ndim == 1 else 0.03))


def write(name, seed, batch, config, gradients=False):
    torch.manual_seed(seed)
    model = UNet2DModel(act_fn="silu", **config)
    perturb(model)
    folder = ROOT / name
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)

    size = config["sample_size"]
    height, width = (size, size) if isinstance(size, int) else size
    sample = torch.randn(batch, config["in_channels"], height, width)
    timestep = torch.randint(0, 1000, (batch,))
    timestep[0] = 0 if seed % 2 else 999
    io = {"sample": sample, "timestep": timestep}
    labels = None
    if "num_class_embeds" in config:
        labels = torch.randperm(config["num_class_embeds"])[:batch]
        io["class_labels"] = labels

    sample.requires_grad_(gradients)
    out = model(sample, timestep, class_labels=labels).sample
    if gradients:
        target = torch.randn_like(out)
        loss = (out - target).square().mean()
        loss.backward()
        io |= {"target": target, "loss": loss.detach(), "grad.sample": sample.grad}
        io |= {f"grad.{key}": parameter.grad for key, parameter in model.named_parameters()}
    io["out_sample"] = out.detach()
    save_file({key: value.detach().contiguous() for key, value in io.items()}, folder / "io.safetensors")

    # Sorted keys, so that a rebuild differs only where a value does.
    config_file = folder / "config.json"
    kept = json.loads(config_file.read_text())
    config_file.write_text(json.dumps(kept, indent=2, sort_keys=True) + "\n")

    total = sum(file.stat().st_size for file in folder.iterdir())
    assert total <= LIMIT, f"{name}: {total} bytes"
    parameters = sum(parameter.numel() for parameter in model.parameters())
    print(f"{name}: {parameters} parameters, {total / 1024:.0f} KiB, |out| up to {out.abs().max():.2f}, std {out.std():.2f}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    for name, case in CASES.items():
        write(name, **case)
