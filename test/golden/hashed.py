"""Numbers that Python and TypeScript (hashed.ts) make alike."""
import numpy as np


def hashed(count: int, seed: int) -> np.ndarray:
    """Uniform numbers in [0, 1): the finalizer of MurmurHash3 over seed · 2²⁴ + i."""
    h = (np.arange(count, dtype=np.uint64) + (seed << 24)).astype(np.uint32)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        h ^= h >> np.uint32(shift)
        h = (h.astype(np.uint64) * factor % 2**32).astype(np.uint32)
    h ^= h >> np.uint32(16)
    return h.astype(np.float64) / 2**32
