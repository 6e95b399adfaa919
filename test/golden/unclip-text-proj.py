"""UnCLIPTextProjModels of diffusers, one evaluation each under classifier-free guidance, in test/golden/unclip-text-proj/.

    python test/golden/unclip-text-proj.py

cases.json holds each configuration and the shapes of its parameters under its name. The weights are not stored:
`weight_values` makes them from the parameter's name, and named-weights.ts does the same. <name>.safetensors holds
    imageEmbeds, textEmbeds, encoderHiddenStates   [B, D], [2B, D], [2B, L, D]
    states, timeEmbeds                             what the model returns for 2B samples: the first B without their image embedding
"""

import json
import shutil
from pathlib import Path

import torch
from diffusers.pipelines.deprecated.unclip.text_proj import UnCLIPTextProjModel
from safetensors.torch import save_file

from named_weights import weight_values

ROOT = Path(__file__).parent / "unclip-text-proj"

CASES = {
    "four-tokens": dict(clip_extra_context_tokens=4, clip_embeddings_dim=12, time_embed_dim=20, cross_attention_dim=8),
    # More tokens than values of one: which axis is which shows.
    "nine-tokens": dict(clip_extra_context_tokens=9, clip_embeddings_dim=6, time_embed_dim=10, cross_attention_dim=5),
}


def evaluate(name, config):
    model = UnCLIPTextProjModel(**config).eval()
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            parameter.copy_(weight_values(key, tuple(parameter.shape)))
    generator = torch.Generator().manual_seed(len(name))
    width, batch, length = config["clip_embeddings_dim"], 2, 3
    io = {
        "imageEmbeds": torch.randn(batch, width, generator=generator),
        "textEmbeds": torch.randn(2 * batch, width, generator=generator),
        "encoderHiddenStates": torch.randn(2 * batch, length, width, generator=generator),
    }
    with torch.no_grad():
        io["states"], io["timeEmbeds"] = model(
            image_embeddings=io["imageEmbeds"], prompt_embeds=io["textEmbeds"],
            text_encoder_hidden_states=io["encoderHiddenStates"], do_classifier_free_guidance=True)
    save_file({key: value.contiguous() for key, value in io.items()}, ROOT / f"{name}.safetensors")
    print(f"{name}: |states| up to {io['states'].abs().max():.2f}, |timeEmbeds| up to {io['timeEmbeds'].abs().max():.2f}")
    return {"config": config, "parameters": {key: list(p.shape) for key, p in model.named_parameters()}}


if __name__ == "__main__":
    torch.set_num_threads(1)
    shutil.rmtree(ROOT, ignore_errors=True)
    ROOT.mkdir()
    cases = {name: evaluate(name, config) for name, config in CASES.items()}
    (ROOT / "cases.json").write_text("{\n" + ",\n".join(f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in cases.items()) + "\n}\n")
