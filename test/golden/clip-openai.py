"""A small random CLIP under OpenAI's tensor names, as test/golden/clip-openai/{model,io}.safetensors.

    python test/golden/clip-openai.py        (needs open_clip_torch, which has OpenAI's network under OpenAI's names)

The weights are float16, as OpenAI published its own; computed is in float32 from them.
    pixel_values [2, 3, 16, 16], input_ids [2, 9] i64, image_features and text_features [2, 12]
"""

from pathlib import Path

import torch
from open_clip.model import CLIP
from safetensors.torch import save_file

ROOT = Path(__file__).parent / "clip-openai"

if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.manual_seed(1)
    model = CLIP(
        embed_dim=12, quick_gelu=True,
        vision_cfg=dict(image_size=16, patch_size=8, width=64, layers=2, head_width=64, mlp_ratio=1.0),
        text_cfg=dict(context_length=9, vocab_size=40, width=64, heads=1, layers=1, mlp_ratio=2.0),
    ).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * (0.2 if parameter.ndim == 1 else 0.1))
            parameter.copy_(parameter.half().float())
    pixels = torch.randn(2, 3, 16, 16)
    ids = torch.tensor([[38, 5, 6, 39, 0, 0, 0, 0, 0], [38, 1, 2, 3, 4, 5, 6, 7, 39]])
    with torch.no_grad():
        io = {"pixel_values": pixels, "input_ids": ids, "image_features": model.encode_image(pixels), "text_features": model.encode_text(ids)}
    ROOT.mkdir(exist_ok=True)
    # OpenAI's archives hold three numbers beside the weights.
    numbers = {"input_resolution": torch.tensor(16), "context_length": torch.tensor(9), "vocab_size": torch.tensor(40)}
    save_file({**{key: value.half().contiguous() for key, value in model.state_dict().items() if key != "attn_mask"}, **numbers}, ROOT / "model.safetensors")
    save_file({key: value.contiguous() for key, value in io.items()}, ROOT / "io.safetensors")
