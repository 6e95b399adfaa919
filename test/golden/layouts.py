"""One small UNet2DModel in every way that diffusers stores it: layouts/<name>/, and layouts/io.safetensors.

    python test/golden/layouts.py

io.safetensors holds sample [B, C, H, W] f32, timestep [B] f32, and what the model returns: out_sample, and out_fp16 with weights that were
rounded to float16.
"""

import json
import shutil
from pathlib import Path

import torch
from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel
from safetensors.torch import load_file, save_file

ROOT = Path(__file__).parent / "layouts"
WEIGHTS = "diffusion_pytorch_model.safetensors"
OLD = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}

CONFIG = dict(sample_size=[4, 8], in_channels=3, out_channels=3, block_out_channels=[4, 8], layers_per_block=1, norm_num_groups=2,
              attention_head_dim=4, down_block_types=["DownBlock2D", "AttnDownBlock2D"], up_block_types=["AttnUpBlock2D", "UpBlock2D"])


def old_name(key):
    for new, old in OLD.items():
        key = key.replace(f".{new}.", f".{old}.") if ".attentions." in key else key
    return key


def fp16(model):
    rounded = UNet2DModel(**CONFIG).eval()
    rounded.load_state_dict({key: value.half().float() for key, value in model.state_dict().items()})
    return rounded


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.manual_seed(11)
    shutil.rmtree(ROOT, ignore_errors=True)
    model = UNet2DModel(**CONFIG).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * (0.2 if parameter.ndim == 1 else 0.05))
    scheduler = DDPMScheduler(num_train_timesteps=50, variance_type="fixed_large")
    pipeline = DDPMPipeline(unet=model, scheduler=scheduler)

    pipeline.save_pretrained(ROOT / "sharded", max_shard_size="20KB")
    half = DDPMPipeline(unet=UNet2DModel(**CONFIG), scheduler=scheduler)
    half.unet.load_state_dict(model.state_dict())
    half.unet.half()
    half.save_pretrained(ROOT / "fp16", variant="fp16")
    half.save_pretrained(ROOT / "fp16-sharded", variant="fp16", max_shard_size="10KB")

    # As models were first published: everything side by side, and the attention's tensors under their first names.
    flat = ROOT / "flat"
    model.save_pretrained(flat)
    scheduler.save_pretrained(flat)
    save_file({old_name(key): value for key, value in load_file(flat / WEIGHTS).items()}, flat / WEIGHTS, metadata={"format": "pt"})
    (flat / "model_index.json").write_text(json.dumps({
        "_class_name": "DDPMPipeline", "_diffusers_version": "0.1.1", "scheduler": ["diffusers", "DDPMScheduler"], "unet": ["diffusers", "UNet2DModel"],
    }, indent=2) + "\n")

    model.save_pretrained(ROOT / "network")

    sample, timestep = torch.randn(2, 3, 4, 8), torch.tensor([3, 40])
    for name, unet in {"sharded": None, "flat": None, "fp16": "fp16", "fp16-sharded": "fp16"}.items():
        read = DDPMPipeline.from_pretrained(ROOT / name, variant=unet).unet
        expected = fp16(model) if unet else model
        assert all(torch.equal(value, read.state_dict()[key].float()) for key, value in expected.state_dict().items()), name
    with torch.no_grad():
        save_file({"sample": sample, "timestep": timestep.float(), "out_sample": model(sample, timestep).sample, "out_fp16": fp16(model)(sample, timestep).sample}, ROOT / "io.safetensors")
    for file in sorted(ROOT.rglob("*")):
        if file.suffix == ".json":
            file.write_text(json.dumps(json.loads(file.read_text()), indent=2, sort_keys=True) + "\n")
        if file.is_file():
            print(file.relative_to(ROOT), file.stat().st_size)
