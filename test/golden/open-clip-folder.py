"""Opens a CLIP model folder of ours with transformers.

    python test/golden/open-clip-folder.py DIR            prints what its parts make of two captions and a red picture, as JSON
"""

import json
import sys

import torch
from PIL import Image
from transformers import CLIPImageProcessor, CLIPModel, CLIPTokenizer

folder = sys.argv[1]
model, info = CLIPModel.from_pretrained(folder, output_loading_info=True)
assert not any(info.values()), info
tokenizer = CLIPTokenizer.from_pretrained(folder)
texts = tokenizer(["a small cat", "under the moon " * 50], padding="max_length", truncation=True, return_tensors="pt")
pixels = CLIPImageProcessor.from_pretrained(folder)(Image.new("RGB", (40, 30), (255, 0, 0)), return_tensors="pt")["pixel_values"]
with torch.no_grad():
    out = model(**texts, pixel_values=pixels)
print(json.dumps({
    "ids": texts["input_ids"].tolist(), "eos_token_id": model.config.text_config.eos_token_id, "pixel": pixels[0, :, 0, 0].tolist(), "size": list(pixels.shape),
    "logits_per_image": out.logits_per_image.tolist(),
}))
