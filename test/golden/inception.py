"""Features of Inception v3 by torchvision, and of pytorch-fid's variant of it; weights and picture are made by a formula that the test repeats.

    python test/golden/inception.py
"""
from pathlib import Path

import numpy as np
import torch
import torchvision
from pytorch_fid import inception as fid
from safetensors.torch import save_file

from hashed import hashed


def fill(model: torch.nn.Module) -> torch.nn.Module:
    """Every tensor from the number of its name in the sorted list, rounded to float16, as the test's file stores it."""
    state = {name: tensor for name, tensor in model.state_dict().items() if not name.endswith("num_batches_tracked") and not name.startswith("fc.")}
    for seed, name in enumerate(sorted(state)):
        tensor = state[name]
        u = hashed(tensor.numel(), seed % 256)
        if tensor.dim() == 4:
            values = (2 * u - 1) * np.sqrt(6 / tensor[0].numel())
        else:
            low, width = {"weight": (0.9, 0.2), "bias": (-0.1, 0.2), "running_mean": (-0.1, 0.2), "running_var": (0.5, 1.0)}[name.split(".")[-1]]
            values = low + width * u
        state[name] = torch.from_numpy(values.astype(np.float32).astype(np.float16).astype(np.float32)).reshape(tensor.shape)
    model.load_state_dict(state, strict=False)
    model.fc = torch.nn.Identity()
    return model.eval()


def fid_network() -> torch.nn.Module:
    model = torchvision.models.inception_v3(weights=None, num_classes=1008, aux_logits=False, init_weights=False)
    model.Mixed_5b = fid.FIDInceptionA(192, pool_features=32)
    model.Mixed_5c = fid.FIDInceptionA(256, pool_features=64)
    model.Mixed_5d = fid.FIDInceptionA(288, pool_features=64)
    model.Mixed_6b = fid.FIDInceptionC(768, channels_7x7=128)
    model.Mixed_6c = fid.FIDInceptionC(768, channels_7x7=160)
    model.Mixed_6d = fid.FIDInceptionC(768, channels_7x7=160)
    model.Mixed_6e = fid.FIDInceptionC(768, channels_7x7=192)
    model.Mixed_7b = fid.FIDInceptionE_1(1280)
    model.Mixed_7c = fid.FIDInceptionE_2(2048)
    return model


size = 107
x = torch.from_numpy((2 * hashed(3 * size * size, 200) - 1).astype(np.float32)).reshape(1, 3, size, size)
with torch.no_grad():
    features = {
        "torchvision": fill(torchvision.models.inception_v3(weights=None, aux_logits=False, init_weights=False, transform_input=False))(x)[0].contiguous(),
        "fid": fill(fid_network())(x)[0].contiguous(),
    }
for name, values in features.items():
    print(name, tuple(values.shape), values.abs().mean().item(), values.std().item())
save_file(features, Path(__file__).with_suffix(".safetensors"))
