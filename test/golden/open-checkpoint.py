"""Opens a checkpoint that Kuosan wrote with Python's diffusers, and compares what the network returns.

    python test/golden/open-checkpoint.py DIR [IO]

DIR  a model folder, or one `checkpoints/step-N` of a run
IO   a safetensors file with what Kuosan computed: sample [B, C, H, W], timestep [B] (any number type), out_sample, and, if it
     likes, class_labels [B] and alphas_cumprod [T]
Prints what was loaded and the largest absolute differences; exits 1 if a tensor was not taken from the file, or a
difference is above 1e-4.
"""

import json
import sys

import diffusers
import torch
from diffusers import DDPMPipeline, UNet2DModel
from safetensors.torch import load_file

folder = sys.argv[1]
with open(f"{folder}/model_index.json") as index:
    pipeline = DDPMPipeline.from_pretrained(folder) if json.load(index)["_class_name"] == "DDPMPipeline" else None
unet, info = UNet2DModel.from_pretrained(folder, subfolder="unet", output_loading_info=True)
with open(f"{folder}/scheduler/scheduler_config.json") as config:
    scheduler = getattr(diffusers, json.load(config)["_class_name"]).from_pretrained(folder, subfolder="scheduler")
unet.eval()
stored = load_file(f"{folder}/unet/diffusion_pytorch_model.safetensors")
print(f"{type(pipeline).__name__ if pipeline else 'no pipeline'} of {type(unet).__name__} ({sum(p.numel() for p in unet.parameters()):,} parameters, "
      f"stored as {', '.join(sorted({str(t.dtype) for t in stored.values()}))}) and {type(scheduler).__name__} "
      f"({scheduler.config.get('beta_schedule', 'no steps')}, T = {scheduler.config.num_train_timesteps})")

failed = any(info[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys", "error_msgs"))
print("loading:", {key: list(value) for key, value in info.items()})
if not all(torch.equal(stored[name].float(), value) for name, value in unet.state_dict().items()):
    failed = True
    print("a loaded tensor is not the stored one")


def compare(name, ours, theirs):
    global failed
    difference = (ours.float() - theirs.float()).abs().max().item()
    failed |= not difference <= 1e-4
    print(f"{name}: largest difference {difference:.3g}, values up to {theirs.abs().max().item():.3g}")


if len(sys.argv) > 2:
    io = load_file(sys.argv[2])
    labels = io["class_labels"].long() if "class_labels" in io else None
    with torch.no_grad():
        compare("out_sample", io["out_sample"], unet(io["sample"], io["timestep"].long(), class_labels=labels).sample)
    if "alphas_cumprod" in io:
        compare("alphas_cumprod", io["alphas_cumprod"], scheduler.alphas_cumprod)

if pipeline:
    pipeline.set_progress_bar_config(disable=True)
    picture = pipeline(batch_size=1, num_inference_steps=4, generator=torch.manual_seed(0), output_type="np").images[0]
    print(f"a sample of 4 steps: {list(picture.shape)}, {picture.min():.3f} … {picture.max():.3f}")

sys.exit(failed)
