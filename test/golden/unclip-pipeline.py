"""Tiny random UnCLIPPipeline and UnCLIPImageVariationPipeline of diffusers, and what they draw with our noise, in test/golden/unclip/.

    npx tsx test/golden/unclip-normals.ts && python test/golden/unclip-pipeline.py
    python test/golden/unclip-pipeline.py --open DIR OUT

Under test/golden/unclip/:
    pipeline/, variation/    as save_pretrained writes them
    images.safetensors       of two prompts: `prior` [2, D], the embeddings that the prior draws, `images` [2, C, H, W] in [-1, 1];
                             of one picture: `picture` [1, C, 8, 8] in [-1, 1], `embeds` [1, D], `variations` [2, C, H, W]
The random numbers are those of normals.safetensors, stage by stage. With --open a folder of ours is drawn from in the same way
(once as UnCLIPPipeline, once as UnCLIPImageVariationPipeline, with as many steps), and the results go to OUT.
"""

import shutil
import sys
from pathlib import Path
from unittest.mock import patch

import torch
from diffusers import PriorTransformer, UNet2DConditionModel, UNet2DModel, UnCLIPImageVariationPipeline, UnCLIPPipeline, UnCLIPScheduler
from diffusers.pipelines.deprecated.unclip.text_proj import UnCLIPTextProjModel
from diffusers.schedulers import scheduling_unclip
from safetensors.torch import load_file, save_file
from transformers import CLIPImageProcessor, CLIPTextConfig, CLIPTextModelWithProjection, CLIPTokenizer, CLIPVisionConfig, CLIPVisionModelWithProjection

from named_weights import weight_values

ROOT = Path(__file__).parent / "unclip"
PROMPTS = ["a small red cat", "bell"]
STEPS = {"prior": 5, "decoder": 5, "super_res": 3}
# Of the decoder; the prior's is the pipeline's own 4.
GUIDANCE = 3.0
WIDTH, TOKENS = 12, 10


class Normals:
    """The streams of two images, stage by stage; each draw takes the next of both."""

    def __init__(self):
        self.streams, self.stage, self.at = load_file(ROOT / "normals.safetensors"), None, 0

    def begin(self, stage, shape):
        self.stage, self.at = stage, 0
        return self(shape)

    def __call__(self, shape, **_):
        size = torch.Size(shape[1:]).numel()
        drawn = self.streams[self.stage][: shape[0], self.at : self.at + size].reshape(shape).clone()
        self.at += size
        return drawn


def networks():
    end = 561
    text = CLIPTextModelWithProjection(CLIPTextConfig(
        vocab_size=end + 1, hidden_size=WIDTH, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, max_position_embeddings=TOKENS,
        projection_dim=WIDTH, bos_token_id=end - 1, eos_token_id=end, pad_token_id=end))
    image = CLIPVisionModelWithProjection(CLIPVisionConfig(
        hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8, image_size=8, patch_size=4, projection_dim=WIDTH))
    prior = PriorTransformer(num_attention_heads=2, attention_head_dim=6, num_layers=1, embedding_dim=WIDTH, num_embeddings=TOKENS)
    decoder = UNet2DConditionModel(
        sample_size=8, in_channels=3, out_channels=6, block_out_channels=(4, 8), layers_per_block=1, norm_num_groups=2, attention_head_dim=4,
        down_block_types=("ResnetDownsampleBlock2D", "SimpleCrossAttnDownBlock2D"), mid_block_type="UNetMidBlock2DSimpleCrossAttn",
        up_block_types=("SimpleCrossAttnUpBlock2D", "ResnetUpsampleBlock2D"), cross_attention_dim=6, class_embed_type="identity",
        resnet_time_scale_shift="scale_shift")
    text_proj = UnCLIPTextProjModel(clip_extra_context_tokens=2, clip_embeddings_dim=WIDTH, time_embed_dim=16, cross_attention_dim=6)
    upsampler = lambda: UNet2DModel(
        sample_size=16, in_channels=6, out_channels=3, block_out_channels=(4, 4), layers_per_block=1, norm_num_groups=2, attention_head_dim=4,
        down_block_types=("DownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "UpBlock2D"), mid_block_type=None)
    return dict(prior=prior, decoder=decoder, text_encoder=text, text_proj=text_proj, image_encoder=image,
                super_res_first=upsampler(), super_res_last=upsampler())


def fill(name, model):
    model.eval()
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            values = weight_values(f"{name}.{key}", tuple(parameter.shape))
            if key == "clip_std":
                values = 1 + 0.3 * values.sign()
            parameter.copy_(values)


def draw(pipeline, image=None):
    """The pipeline's images in [-1, 1], with the normals of each stage in the place of its own; and the embeddings that its prior drew."""
    normals, seen = Normals(), {}
    latents = lambda stage, channels, model: normals.begin(stage, (2, channels, model.config.sample_size, model.config.sample_size))

    def begun(stage):
        scheduler = getattr(pipeline, f"{stage}_scheduler")
        set_timesteps = scheduler.set_timesteps

        def set_and_begin(*args, **kwargs):
            set_timesteps(*args, **kwargs)
            if stage == "prior":
                latents_of["prior"] = normals.begin("prior", (2, pipeline.prior.config.embedding_dim))
            elif stage == "decoder":
                latents_of["decoder"] = latents("decoder", pipeline.decoder.config.in_channels, pipeline.decoder)
            else:
                latents_of["super_res"] = latents("super_res", pipeline.super_res_first.config.in_channels // 2, pipeline.super_res_first)
        return set_and_begin

    latents_of = {}
    stages = [stage for stage in STEPS if hasattr(pipeline, f"{stage}_scheduler")]
    # The pipelines set the times of a stage before they prepare its latents.
    order = iter(stages)
    pipeline.prepare_latents = lambda shape, *_: latents_of[next(order)]
    patches = [patch.object(getattr(pipeline, f"{stage}_scheduler"), "set_timesteps", begun(stage)) for stage in stages]
    if "prior" in stages:
        post = pipeline.prior.post_process_latents
        patches.append(patch.object(pipeline.prior, "post_process_latents", lambda x: seen.setdefault("prior", post(x))))
    asked = dict(decoder_num_inference_steps=STEPS["decoder"], super_res_num_inference_steps=STEPS["super_res"],
                 decoder_guidance_scale=GUIDANCE, output_type="np")
    if image is None:
        asked |= dict(prompt=PROMPTS, prior_num_inference_steps=STEPS["prior"])
    else:
        asked |= dict(image=image, num_images_per_prompt=2)
    pipeline.set_progress_bar_config(disable=True)
    with patch.object(scheduling_unclip, "randn_tensor", normals):
        for each in patches:
            each.start()
        images = pipeline(**asked).images
        for each in patches:
            each.stop()
    return torch.from_numpy(images).permute(0, 3, 1, 2).contiguous() * 2 - 1, seen.get("prior")


def both(texts, variations, picture):
    """What the two pipelines make."""
    levels = ((picture + 1) * 127.5).round().to(torch.uint8)
    pixels = variations.feature_extractor(images=levels, return_tensors="pt").pixel_values
    images, prior = draw(texts)
    with torch.no_grad():
        embeds = variations.image_encoder(pixels).image_embeds
    made, _ = draw(variations, pixels)
    return {"images": images, "prior": prior, "picture": picture, "embeds": embeds, "variations": made}


def picture():
    """Of 256 levels, which every processor of images leaves as they are."""
    return (weight_values("picture", (1, 3, 8, 8)) * 500 % 255).round() / 127.5 - 1


if __name__ == "__main__":
    torch.set_num_threads(1)
    if sys.argv[1:2] == ["--open"]:
        folder, out = sys.argv[2:]
        texts, variations = (pipeline.from_pretrained(folder) for pipeline in (UnCLIPPipeline, UnCLIPImageVariationPipeline))
        save_file(both(texts, variations, picture()), out)
        sys.exit()
    parts = networks()
    for name, model in parts.items():
        fill(name, model)
    source = ROOT.parent / "text-encoder-folders" / "clip"
    tokenizer = CLIPTokenizer.from_pretrained(source, model_max_length=TOKENS, pad_token="<|endoftext|>", bos_token="<|startoftext|>", eos_token="<|endoftext|>")
    processor = CLIPImageProcessor(size={"shortest_edge": 8}, crop_size={"height": 8, "width": 8})
    schedulers = dict(
        # Few times: diffusers' α are products of float32, whose last digits the networks multiply.
        prior_scheduler=UnCLIPScheduler(num_train_timesteps=12, prediction_type="sample", clip_sample_range=2.0),
        # At the last of 1000 times there is hardly any signal: ε divided by it is the last digit of float32 two thousand times.
        decoder_scheduler=UnCLIPScheduler(num_train_timesteps=12, variance_type="learned_range"),
        super_res_scheduler=UnCLIPScheduler(num_train_timesteps=12),
    )
    shared = dict(decoder=parts["decoder"], text_encoder=parts["text_encoder"], tokenizer=tokenizer, text_proj=parts["text_proj"],
                  super_res_first=parts["super_res_first"], super_res_last=parts["super_res_last"],
                  decoder_scheduler=schedulers["decoder_scheduler"], super_res_scheduler=schedulers["super_res_scheduler"])
    texts = UnCLIPPipeline(prior=parts["prior"], prior_scheduler=schedulers["prior_scheduler"], **shared)
    variations = UnCLIPImageVariationPipeline(image_encoder=parts["image_encoder"], feature_extractor=processor, **shared)
    for name, pipeline in {"pipeline": texts, "variation": variations}.items():
        shutil.rmtree(ROOT / name, ignore_errors=True)
        pipeline.save_pretrained(ROOT / name)
    result = both(texts, variations, picture())
    print({key: (list(value.shape), round(float(value.std()), 3)) for key, value in result.items()})
    save_file(result, ROOT / "images.safetensors")
