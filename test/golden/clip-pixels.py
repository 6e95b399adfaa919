"""What transformers' CLIPImageProcessor makes of a picture that is not square, by each kernel, smaller and larger.

    python test/golden/clip-pixels.py

Writes clip-pixels/picture.png, 53 x 38: waves that get finer, a checkerboard with edges between pixels, and noise; and
clip-pixels/pixels.safetensors:
    pillow.<kernel>.<size>        [size, size, 3] u8, by CLIPImageProcessorPil, which resizes with Pillow
    torchvision.<kernel>.<size>   [size, size, 3] u8, by CLIPImageProcessor, which resizes with torchvision
    pixel_values                  [3, 16, 16] f32, by CLIPImageProcessorPil with bicubic: also divided by 255 and normalized
    pillow.<kernel>.<picture>     [8, 8, 3] u8, by CLIPImageProcessorPil, of tall.png, 21 x 57, and double.png, 20 x 40
53 x 38 becomes 22 x 16 and 55 x 40: an even number of columns to cut off, and an odd one. tall.png and double.png are
black-and-white noise, where the order of the two passes shows most: Pillow 13 resizes the columns of the first before its
rows, as it is taller than twice its width, and the rows of the second before its columns.
"""

from pathlib import Path

import numpy as np
import torchvision  # noqa: F401  without it transformers takes Pillow for both, and says so in a warning
from PIL import Image
from safetensors.numpy import save_file
from transformers import CLIPImageProcessor
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

ROOT = Path(__file__).parent / "clip-pixels"
KERNELS = {"lanczos": Image.Resampling.LANCZOS, "bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
WIDTH, HEIGHT = 53, 38


def picture():
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float64)
    waves = 127 + 110 * np.sin((x * x + y * y) / 250)
    board = 255 * ((x // 3.7 + y // 5.3) % 2)
    noise = np.random.default_rng(0).uniform(0, 255, (HEIGHT, WIDTH))
    return Image.fromarray(np.stack([waves, board, noise], -1).astype(np.uint8))


def speckles(width, height):
    return Image.fromarray(np.random.default_rng(1).integers(0, 2, (height, width, 3), dtype=np.uint8) * 255)


def processed(kind, image, kernel, size, **options):
    processor = kind(size={"shortest_edge": size}, crop_size={"height": size, "width": size}, resample=int(KERNELS[kernel]), **options)
    return np.asarray(processor(image, return_tensors="np")["pixel_values"][0])


if __name__ == "__main__":
    ROOT.mkdir(exist_ok=True)
    picture().save(ROOT / "picture.png", optimize=True)
    image = Image.open(ROOT / "picture.png")
    found = {"pixel_values": processed(CLIPImageProcessorPil, image, "bicubic", 16)}
    for kernel in KERNELS:
        for size in (16, 40):
            for name, kind in (("pillow", CLIPImageProcessorPil), ("torchvision", CLIPImageProcessor)):
                bytes_ = processed(kind, image, kernel, size, do_rescale=False, do_normalize=False)
                assert bytes_.dtype == np.uint8 or (bytes_ == np.rint(bytes_)).all(), (name, bytes_.dtype)
                found[f"{name}.{kernel}.{size}"] = np.ascontiguousarray(bytes_.astype(np.uint8).transpose(1, 2, 0))
    for name, size in (("tall", (21, 57)), ("double", (20, 40))):
        speckles(*size).save(ROOT / f"{name}.png", optimize=True)
        for kernel in KERNELS:
            bytes_ = processed(CLIPImageProcessorPil, Image.open(ROOT / f"{name}.png"), kernel, 8, do_rescale=False, do_normalize=False)
            found[f"pillow.{kernel}.{name}"] = bytes_.astype(np.uint8).transpose(1, 2, 0)
    save_file({key: np.ascontiguousarray(value) for key, value in found.items()}, ROOT / "pixels.safetensors")
    for kernel in KERNELS:
        for size in (16, 40):
            apart = np.abs(found[f"pillow.{kernel}.{size}"].astype(int) - found[f"torchvision.{kernel}.{size}"])
            print(kernel, size, "Pillow and torchvision differ by at most", apart.max(), "in", (apart > 0).sum(), "of", apart.size)
