"""Tiny DDPMPipelines as diffusers saves them, under test/golden/pipeline/<name>/.

    python test/golden/pipeline.py

cosine  as `save_pretrained` writes it today: squaredcos_cap_v2, T = 1000, float32
linear  T = 200 and float16 weights; its scheduler file has only the keys that differ from the defaults, as older files leave
        some out: the ends of the betas are diffusers' 1e-4 and 0.02, not scaled to T

Each folder also has io.safetensors:
    sample      [2, 1, 8, 8] f32
    timestep    [2] i64
    out_sample  [2, 1, 8, 8] f32, what the model returns (in float32, from the weights as stored)
    alphas_cumprod [T] f32, what the scheduler read from the file computes
"""

import json
import shutil
from pathlib import Path

import torch
from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel
from safetensors.torch import save_file

ROOT = Path(__file__).parent / "pipeline"
LIMIT = 150 * 1024

CASES = {
    "cosine": dict(seed=1, dtype=torch.float32, scheduler=dict(beta_schedule="squaredcos_cap_v2")),
    "linear": dict(seed=2, dtype=torch.float16, keep={"num_train_timesteps", "variance_type"},
                   scheduler=dict(num_train_timesteps=200, variance_type="fixed_large")),
}


def tidy(file, keep=None):
    """Sorted keys, so that a rebuild differs only where a value does."""
    values = json.loads(file.read_text())
    values = {key: value for key, value in values.items() if keep is None or key.startswith("_class") or key in keep}
    file.write_text(json.dumps(values, indent=2, sort_keys=True) + "\n")


def write(name, seed, dtype, scheduler, keep=None):
    torch.manual_seed(seed)
    unet = UNet2DModel(
        sample_size=8, in_channels=1, out_channels=1, block_out_channels=[4, 8], layers_per_block=1, norm_num_groups=2,
        attention_head_dim=4, down_block_types=["DownBlock2D", "AttnDownBlock2D"], up_block_types=["AttnUpBlock2D", "UpBlock2D"],
    )
    with torch.no_grad():
        for parameter in unet.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    folder = ROOT / name
    shutil.rmtree(folder, ignore_errors=True)
    DDPMPipeline(unet=unet.to(dtype), scheduler=DDPMScheduler(**scheduler)).save_pretrained(folder)
    tidy(folder / "model_index.json")
    tidy(folder / "unet" / "config.json")
    tidy(folder / "scheduler" / "scheduler_config.json", keep)

    again = DDPMPipeline.from_pretrained(folder)
    sample, timestep = torch.randn(2, 1, 8, 8), torch.tensor([0, 150])
    with torch.no_grad():
        out = again.unet(sample, timestep).sample
    save_file({"sample": sample, "timestep": timestep, "out_sample": out, "alphas_cumprod": again.scheduler.alphas_cumprod}, folder / "io.safetensors")

    total = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    assert total <= LIMIT, f"{name}: {total} bytes"
    print(f"{name}: {sum(p.numel() for p in unet.parameters())} parameters, {total / 1024:.0f} KiB, |out| up to {out.abs().max():.2f}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    for name, case in CASES.items():
        write(name, **case)
