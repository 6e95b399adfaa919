"""Writes diffusers-schedulers.json: what the schedulers of diffusers do, step by step, on one toy network and one list of noise.

    python test/golden/diffusers-schedulers.py > test/golden/diffusers-schedulers.json

Made with diffusers 0.42.1, torch 2.15.0, numpy. The steps run in float64, on cumulative products recomputed in float64
(diffusers rounds its betas to float32), so that the numbers are good to the digits printed. Lists of N steps that do not
divide T are left out of the DDIM cases: there diffusers takes the previous time from t - T//N, not from the list (#9261).
Trailing lists are left out of the DDPM cases: there diffusers adds noise to the last picture too, wherever its time is not 0.
"""
import json

import numpy as np
import torch
from diffusers import DDIMScheduler, DDPMScheduler
from diffusers.schedulers import scheduling_ddpm

T, SHAPE = 1000, (2, 1, 1, 2)
rng = np.random.default_rng(0)
# Rounded to float32, so that both sides begin from the same numbers.
draw = lambda *shape: rng.standard_normal(shape).astype(np.float32).astype(np.float64)
x_T, noise = draw(*SHAPE), draw(20, *SHAPE)


def network(x, t):
    return torch.tanh(1.5 * x + 0.001 * t)


def variance_of(x, t):
    """The second half of the channels of a network that learns the variance; beyond -1 ... 1 too, as networks are."""
    return 1.2 * torch.sin(2 * x + 0.002 * t)


def alphas_cumprod(beta_schedule):
    if beta_schedule == "linear":
        betas = np.linspace(1e-4, 0.02, T)
    else:
        f = lambda t: np.cos((t / T + 0.008) / 1.008 * np.pi / 2) ** 2
        betas = np.array([min(1 - f(i + 1) / f(i), 0.999) for i in range(T)])
    return torch.from_numpy(np.cumprod(1 - betas))


def digits(values):
    return [float(f"{v:.9g}") for v in torch.as_tensor(values).flatten().tolist()]


def run(sampler, beta_schedule, spacing, steps, clip, **options):
    cls = DDPMScheduler if sampler == "ddpm" else DDIMScheduler
    extra = {"variance_type": options["variance_type"]} if sampler == "ddpm" else {}
    scheduler = cls(num_train_timesteps=T, beta_schedule=beta_schedule, timestep_spacing=spacing, clip_sample=clip, **extra)
    scheduler.alphas_cumprod = alphas_cumprod(beta_schedule)
    scheduler.set_timesteps(steps)
    x, states = torch.from_numpy(x_T), []
    for i, t in enumerate(scheduler.timesteps.tolist()):
        z = torch.from_numpy(noise[i])
        if sampler == "ddpm":
            scheduling_ddpm.randn_tensor = lambda *_, **__: z
            said = network(x, t)
            out = scheduler.step(torch.cat([said, variance_of(x, t)], dim=1) if options["variance_type"] == "learned_range" else said, t, x)
        else:
            eta = options["eta"]
            out = scheduler.step(network(x, t), t, x, eta=eta, use_clipped_model_output=options["rederive"], variance_noise=z if eta > 0 else None)
        x = out.prev_sample
        states.append({"xt": digits(x), "x0": digits(out.pred_original_sample)})
    return {"sampler": sampler, "betaSchedule": beta_schedule, "spacing": spacing, "clip": clip, **options, "timesteps": scheduler.timesteps.tolist(), "states": states}


def times(T, spacing, N, offset=0):
    scheduler = DDPMScheduler(num_train_timesteps=T, timestep_spacing=spacing, steps_offset=offset)
    scheduler.set_timesteps(N)
    return {"T": T, "N": N, "spacing": spacing, "offset": offset, "times": scheduler.timesteps.tolist()}


runs = [
    run("ddpm", "linear", "leading", 10, True, variance_type="fixed_small"),
    run("ddpm", "linear", "leading", 20, False, variance_type="fixed_large"),
    run("ddpm", "squaredcos_cap_v2", "linspace", 7, True, variance_type="fixed_small"),
    run("ddpm", "linear", "leading", 10, False, variance_type="learned_range"),
    run("ddpm", "squaredcos_cap_v2", "leading", 20, True, variance_type="learned_range"),
    run("ddim", "linear", "leading", 10, False, eta=0.0, rederive=False),
    run("ddim", "linear", "trailing", 10, True, eta=0.5, rederive=False),
    run("ddim", "squaredcos_cap_v2", "trailing", 10, True, eta=0.0, rederive=True),
    run("ddim", "squaredcos_cap_v2", "leading", 10, True, eta=1.0, rederive=True),
]
lists = [times(T, spacing, N) for T in (1000, 200) for spacing in ("leading", "trailing", "linspace") for N in (3, 10, 16, 48)] + [times(1000, "leading", 10, 1)]
out = {"xT": digits(x_T), "noise": [digits(z) for z in noise], "shape": SHAPE, "runs": runs, "lists": lists}
print("{")
print(",\n".join(f'"{k}": ' + ("[\n" + ",\n".join(json.dumps(v) for v in value) + "\n]" if k in ("runs", "lists") else json.dumps(value)) for k, value in out.items()))
print("}")
