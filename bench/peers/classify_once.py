"""One image's label by transformers, from nothing: what `kuosan classify` does, as a process of its own.

    python bench/peers/classify_once.py MODEL IMAGE THREADS LABEL...

MODEL is a folder of a CLIPModel with its tokenizer. Prints the labels and their probabilities, best first.
"""

import sys

import torch
from PIL import Image
from transformers import CLIPImageProcessor, CLIPModel, CLIPTokenizer

folder, image, threads, *labels = sys.argv[1:]
torch.set_num_threads(int(threads))
model = CLIPModel.from_pretrained(folder)
texts = CLIPTokenizer.from_pretrained(folder)(labels, padding=True, truncation=True, return_tensors="pt")
pixels = CLIPImageProcessor.from_pretrained(folder)(Image.open(image).convert("RGB"), return_tensors="pt")
with torch.inference_mode():
    chances = model(**texts, **pixels).logits_per_image.softmax(-1)[0]
for i in chances.argsort(descending=True).tolist():
    print(f"{labels[i]} {100 * chances[i]:.1f} %")
