"""Distances between two sets of features, by numpy and scipy. The features are made by a formula that the test repeats.

    python test/golden/feature-distances.py
"""
import json
from pathlib import Path

import numpy as np
import scipy.linalg

from hashed import hashed


def features(count: int, dim: int, seed: int, scale: float) -> np.ndarray:
    """Correlated: a row has a part of its own in all of its features; every fifth feature is always zero, as after a ReLU."""
    own = hashed(count, seed)[:, None]
    x = scale * hashed(count * dim, seed + 1).reshape(count, dim) + own**2 * (np.arange(dim) / dim)
    x[:, ::5] = 0
    return x.astype(np.float32)


def frechet(a: np.ndarray, b: np.ndarray) -> float:
    (ma, ca), (mb, cb) = ((x.mean(0), np.cov(x, rowvar=False)) for x in (a, b))
    root = scipy.linalg.sqrtm(ca @ cb)
    return float(((ma - mb) ** 2).sum() + np.trace(ca + cb - 2 * np.real(root)))


def kernel(a: np.ndarray, b: np.ndarray) -> float:
    d, m, n = a.shape[1], len(a), len(b)
    k = lambda x, y: (x @ y.T / d + 1) ** 3
    kaa, kbb, kab = k(a, a), k(b, b), k(a, b)
    return float((kaa.sum() - np.trace(kaa)) / (m * (m - 1)) + (kbb.sum() - np.trace(kbb)) / (n * (n - 1)) - 2 * kab.mean())


def manifold(of: np.ndarray, points: np.ndarray) -> float:
    """The share of points inside a ball around some feature, as wide as its third nearest other feature."""
    distance = lambda x, y: np.sqrt(((x[:, None] - y[None]) ** 2).sum(-1))
    radii = np.sort(distance(of, of), axis=1)[:, 3]
    return float((distance(points, of) <= radii).any(1).mean())


cases = []
for count_a, count_b, dim, scale in ((300, 300, 40, 1.1), (30, 300, 40, 0.9), (200, 200, 7, 1.0)):
    a, b = (x.astype(np.float64) for x in (features(count_a, dim, 1, scale), features(count_b, dim, 3, 1.0)))
    m = min(count_a, count_b)
    cases.append({
        "countA": count_a, "countB": count_b, "dim": dim, "scale": scale,
        "frechet": frechet(a, b), "kernel": kernel(a[:m], b[:m]), "precision": manifold(b, a), "recall": manifold(a, b),
        "firstA": a[0, :3].tolist(),
    })


def decaying(count: int, dim: int, seed: int, decay: float) -> np.ndarray:
    x = hashed(count * dim, seed).reshape(count, dim) * np.exp(-decay * np.arange(dim) / dim)
    return x.astype(np.float32).astype(np.float64)


def frechet_of_few(a: np.ndarray, b: np.ndarray) -> float:
    """The root's trace as the singular values of the product of the centered features: exact where scipy's sqrtm of a
    singular matrix is not."""
    x, y = ((f - f.mean(0)) / np.sqrt(len(f) - 1) for f in (a, b))
    root = np.linalg.svd(x @ y.T, compute_uv=False).sum()
    return float(((a.mean(0) - b.mean(0)) ** 2).sum() + (x**2).sum() + (y**2).sum() - 2 * root)


few = []
for count_a, count_b, dim, decay in ((2, 300, 40, 0), (2, 2, 16, 0), (40, 256, 128, 0), (256, 40, 128, 3), (500, 700, 96, 8), (20, 50, 2048, 2)):
    few.append({"countA": count_a, "countB": count_b, "dim": dim, "decay": decay,
                "frechet": frechet_of_few(decaying(count_a, dim, 21, decay), decaying(count_b, dim, 23, decay))})
Path(__file__).with_suffix(".json").write_text(json.dumps({"cases": cases, "frechetOfFew": few}, indent=1) + "\n")
