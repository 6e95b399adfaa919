"""Tiny random IFPipeline and IFSuperResolutionPipeline of diffusers, and what they draw with our noise, in test/golden/deepfloyd-if/.

    npx tsx test/golden/deepfloyd-if-normals.ts && python test/golden/deepfloyd-if.py
    python test/golden/deepfloyd-if.py --open DIR OUT

Under test/golden/deepfloyd-if/:
    base/, upsampler/     as save_pretrained writes them, the second without the text encoder of the first
    images.safetensors    of two prompts: `base` [2, C, 4, 4], and `enlarged` [2, C, 16, 16] from it, in [-1, 1]
The random numbers are those of normals.safetensors. With --open a cascade of ours, DIR/base and DIR/upsampler, is drawn from in the same
way, and the results go to OUT.
"""

import json
import shutil
import sys
from pathlib import Path
from unittest.mock import patch

import torch
from diffusers import DDPMScheduler, IFPipeline, IFSuperResolutionPipeline, UNet2DConditionModel
from diffusers.pipelines.deepfloyd_if import pipeline_if, pipeline_if_superresolution
from diffusers.schedulers import scheduling_ddpm
from safetensors.torch import load_file, save_file
from transformers import T5EncoderModel, T5Tokenizer

from named_weights import weight_values

ROOT = Path(__file__).parent / "deepfloyd-if"
PROMPTS = ["A small RED cat", " bell "]
STEPS = {"base": 5, "upsampler": 3}
GUIDANCE = {"base": 3.0, "upsampler": 2.0}
# The last of twelve: where the pipeline's own 250 is too many.
NOISE_LEVEL = 11


class Normals:
    """Two streams for a stage, and the noise of its low-resolution images; each draw takes the next of both."""

    def __init__(self, stage):
        self.streams, self.stage, self.at, self.calls = load_file(ROOT / "normals.safetensors"), stage, 0, 0

    def __call__(self, shape, **_):
        self.calls += 1
        size = torch.Size(shape[1:]).numel()
        # The pipeline draws the noise that it begins with, then that of the low resolution.
        if self.stage == "upsampler" and self.calls == 2:
            return self.streams["noise_augmentation"][: shape[0], :size].reshape(shape).clone()
        drawn = self.streams[self.stage][: shape[0], self.at : self.at + size].reshape(shape).clone()
        self.at += size
        return drawn


def unet(**options):
    return UNet2DConditionModel(
        out_channels=6, block_out_channels=(4, 8), layers_per_block=1, norm_num_groups=2, attention_head_dim=4, cross_attention_dim=6,
        encoder_hid_dim=12, encoder_hid_dim_type="text_proj", addition_embed_type="text", addition_embed_type_num_heads=2,
        down_block_types=("ResnetDownsampleBlock2D", "SimpleCrossAttnDownBlock2D"), mid_block_type="UNetMidBlock2DSimpleCrossAttn",
        up_block_types=("SimpleCrossAttnUpBlock2D", "ResnetUpsampleBlock2D"), resnet_time_scale_shift="scale_shift", act_fn="gelu", **options)


def fill(name, model):
    model.eval()
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            parameter.copy_(weight_values(f"{name}.{key}", tuple(parameter.shape)))
    return model


def scheduler(**options):
    # Few times: at the last of a thousand there is hardly any signal, and ε divided by it is the last digit of float32.
    return DDPMScheduler(num_train_timesteps=12, beta_schedule="squaredcos_cap_v2", variance_type="learned_range", thresholding=True,
                         dynamic_thresholding_ratio=0.95, sample_max_value=1.5, **options)


def draw(pipeline, stage, **asked):
    """The images of the pipeline in [-1, 1], with our normals in the place of its own."""
    normals = Normals(stage)
    pipeline.set_progress_bar_config(disable=True)
    patches = [patch.object(module, "randn_tensor", normals) for module in (pipeline_if, pipeline_if_superresolution, scheduling_ddpm)]
    for each in patches:
        each.start()
    images = pipeline(PROMPTS, num_inference_steps=STEPS[stage], guidance_scale=GUIDANCE[stage], output_type="pt", **asked).images
    for each in patches:
        each.stop()
    return images.clamp(-1, 1).contiguous()


def both(base, upsampler):
    images = draw(base, "base")
    return {"base": images, "enlarged": draw(upsampler, "upsampler", image=images, noise_level=NOISE_LEVEL)}


if __name__ == "__main__":
    torch.set_num_threads(1)
    if sys.argv[1:2] == ["--open"]:
        folder, out = sys.argv[2:]
        base = IFPipeline.from_pretrained(f"{folder}/base")
        upsampler = IFSuperResolutionPipeline.from_pretrained(f"{folder}/upsampler", text_encoder=base.text_encoder, tokenizer=base.tokenizer)
        save_file(both(base, upsampler), out)
        sys.exit()
    source = ROOT.parent / "text-encoder-folders" / "t5"
    encoder = T5EncoderModel.from_pretrained(source / "text_encoder").eval()
    # The character map of its normalizer is a file of 140 kB, and these prompts need none.
    pieces = json.loads((source / "tokenizer" / "tokenizer.json").read_text())["model"]["vocab"]
    tokenizer = T5Tokenizer(vocab=[tuple(piece) for piece in pieces], extra_ids=0)
    text = dict(tokenizer=tokenizer, text_encoder=encoder)
    nothing = dict(safety_checker=None, feature_extractor=None, watermarker=None, requires_safety_checker=False)
    base = IFPipeline(unet=fill("base", unet(sample_size=4, in_channels=3)), scheduler=scheduler(), **text, **nothing)
    parts = dict(unet=fill("upsampler", unet(sample_size=16, in_channels=6, class_embed_type="timestep")), scheduler=scheduler(),
                 image_noising_scheduler=DDPMScheduler(num_train_timesteps=12, beta_schedule="linear"), **nothing)
    without = IFSuperResolutionPipeline(tokenizer=None, text_encoder=None, **parts)
    for name, pipeline in {"base": base, "upsampler": without}.items():
        shutil.rmtree(ROOT / name, ignore_errors=True)
        pipeline.save_pretrained(ROOT / name)
    result = both(base, IFSuperResolutionPipeline(**text, **parts))
    print({key: (list(value.shape), round(float(value.std()), 3), round(float(value.abs().max()), 3)) for key, value in result.items()})
    save_file(result, ROOT / "images.safetensors")
