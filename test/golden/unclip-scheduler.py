"""Writes unclip-scheduler.json: what diffusers' UnCLIPScheduler does, step by step, on one toy network and one list of noise.

    python test/golden/unclip-scheduler.py > test/golden/unclip-scheduler.json

The steps run in float64, on betas and cumulative products computed in float64 (diffusers rounds them to float32), so that the
numbers are good to the digits printed.
"""
import json

import numpy as np
import torch
from diffusers import UnCLIPScheduler
from diffusers.schedulers import scheduling_unclip

SHAPE = (2, 1, 1, 2)
rng = np.random.default_rng(0)
# Rounded to float32, so that both sides begin from the same numbers.
draw = lambda *shape: rng.standard_normal(shape).astype(np.float32).astype(np.float64)
x_T, noise = draw(*SHAPE), draw(25, *SHAPE)


def network(x, t):
    return 3 * torch.tanh(1.5 * x + 0.001 * t)


def variance_of(x, t):
    return 1.2 * torch.sin(2 * x + 0.002 * t)


def digits(values):
    return [float(f"{v:.9g}") for v in torch.as_tensor(values).flatten().tolist()]


def run(steps, **config):
    scheduler = UnCLIPScheduler(**config)
    T = scheduler.config.num_train_timesteps
    f = lambda t: np.cos((t / T + 0.008) / 1.008 * np.pi / 2) ** 2
    scheduler.betas = torch.from_numpy(np.array([min(1 - f(i + 1) / f(i), 0.999) for i in range(T)]))
    scheduler.alphas = 1 - scheduler.betas
    scheduler.alphas_cumprod = torch.cumprod(scheduler.alphas, dim=0)
    scheduler.set_timesteps(steps)
    times, x, states = scheduler.timesteps.tolist(), torch.from_numpy(x_T), []
    for i, t in enumerate(times):
        scheduling_unclip.randn_tensor = lambda *_, **__: torch.from_numpy(noise[i])
        said = network(x, t)
        if scheduler.config.variance_type == "learned_range":
            said = torch.cat([said, variance_of(x, t)], dim=1)
        # As the pipelines call it.
        out = scheduler.step(said, t, x, prev_timestep=times[i + 1] if i + 1 < len(times) else None)
        x = out.prev_sample
        states.append({"xt": digits(x), "x0": digits(out.pred_original_sample)})
    stored = {"_class_name": "UnCLIPScheduler", **{key: value for key, value in scheduler.config.items() if not key.startswith("_")}}
    return {"config": stored, "timesteps": times, "states": states}


runs = [
    # The prior's.
    run(25, prediction_type="sample", clip_sample_range=2.5),
    run(7, prediction_type="sample", clip_sample=False),
    # The decoder's.
    run(25, variance_type="learned_range"),
    run(10, variance_type="learned_range", num_train_timesteps=100, clip_sample=False),
    # The upsampler's.
    run(7),
]
out = {"xT": digits(x_T), "noise": [digits(z) for z in noise], "shape": SHAPE, "runs": runs}
print("{")
print(",\n".join(f'"{k}": ' + ("[\n" + ",\n".join(json.dumps(v) for v in value) + "\n]" if k == "runs" else json.dumps(value)) for k, value in out.items()))
print("}")
