"""Weights that Python and TypeScript (named-weights.ts) make alike from the names of parameters."""

import numpy as np
import torch


def uniform(name, count):
    """`count` numbers in [-1, 1): the bits of (hash of the name) + i, mixed as MurmurHash3 finishes."""
    seed = 2166136261
    for byte in name.encode():
        seed = ((seed ^ byte) * 16777619) & 0xFFFFFFFF
    h = np.arange(count, dtype=np.uint32) + np.uint32(seed)
    with np.errstate(over="ignore"):
        h ^= h >> np.uint32(16)
        h *= np.uint32(0x85EBCA6B)
        h ^= h >> np.uint32(13)
        h *= np.uint32(0xC2B2AE35)
        h ^= h >> np.uint32(16)
    return h.astype(np.float64) / 2**31 - 1


def weight_values(name, shape):
    """Gains about 1, other vectors about 0, matrices and kernels of variance 1 / fan-in."""
    u = uniform(name, int(np.prod(shape)))
    if name == "time_proj.weight" and len(shape) == 1:
        values = 16 * u
    elif len(shape) == 1:
        values = (1 if name.endswith("weight") else 0) + 0.3 * u
    else:
        values = u * np.sqrt(3 / np.prod(shape[1:]))
    return torch.from_numpy(values.astype(np.float32).reshape(shape))
