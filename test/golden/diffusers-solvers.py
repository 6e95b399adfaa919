"""Writes diffusers-solvers.json: what diffusers' solvers do, step by step, on one toy network and one list of noise.

    python test/golden/diffusers-solvers.py > test/golden/diffusers-solvers.json

Made with diffusers 0.42.1, torch 2.15.0, numpy. States are the samples after each whole step in variance-preserving
coordinates (those schedulers that work on x/alpha are multiplied by alpha; a flow's are as they are). diffusers keeps
its noise levels in float32, which is what the tolerance of the comparison has to allow. With Karras' levels some of its
schedulers tell the network the nearest whole time of each; "rounded" says so.
"""
import json

import numpy as np
import torch
from diffusers import (DPMSolverMultistepScheduler, EulerAncestralDiscreteScheduler, EulerDiscreteScheduler, FlowMatchEulerDiscreteScheduler,
                       HeunDiscreteScheduler, KDPM2DiscreteScheduler, UniPCMultistepScheduler)
from diffusers.schedulers import scheduling_euler_ancestral_discrete

T, SHAPE = 1000, (2, 1, 1, 2)
rng = np.random.default_rng(1)
draw = lambda *shape: torch.from_numpy(rng.standard_normal(shape).astype(np.float32).astype(np.float64))
x_T, noise = draw(*SHAPE), draw(20, *SHAPE)


# diffusers' own are cumulated in float32, which at t = 0 leaves four digits of 1 - alpha_bar.
def cosine(t):
    return np.cos((t / T + 0.008) / 1.008 * np.pi / 2) ** 2


BETAS = {
    "linear": np.linspace(1e-4, 0.02, T),
    "squaredcos_cap_v2": np.array([min(1 - cosine(i + 1) / cosine(i), 0.999) for i in range(T)]),
}
ALPHAS_CUMPROD = {name: torch.from_numpy(np.cumprod(1 - betas)) for name, betas in BETAS.items()}


def network(x, t):
    return torch.tanh(1.5 * x + 0.001 * t)


def digits(values):
    return [float(f"{v:.9g}") for v in torch.as_tensor(values).flatten().tolist()]


def entry(sampler, schedule, timesteps, states, **options):
    return {"sampler": sampler, "betaSchedule": schedule, **options, "timesteps": [float(t) for t in timesteps], "states": [digits(x) for x in states]}


def spacing_of(options):
    return "karras" if options.get("use_karras_sigmas") else "exponential" if options.get("use_exponential_sigmas") else None


def sigma_space(sampler, cls, steps, schedule="linear", prediction="epsilon", evaluations=1, **options):
    """Schedulers whose sample is y = x / alpha, with alpha = 1 / sqrt(1 + sigma^2)."""
    scheduler = cls(num_train_timesteps=T, beta_start=1e-4, beta_end=0.02, beta_schedule=schedule, prediction_type=prediction, **options)
    scheduler.alphas_cumprod = ALPHAS_CUMPROD[schedule]
    scheduler.set_timesteps(steps)
    first = scheduler.sigmas[0].double()
    y = x_T * (1 + first**2).sqrt()
    states, times, draws = [], [], iter(noise)
    scheduling_euler_ancestral_discrete.randn_tensor = lambda *_, **__: next(draws)
    for i, t in enumerate(scheduler.timesteps):
        if i % evaluations == 0:
            times.append(t)
        y = scheduler.step(network(scheduler.scale_model_input(y, t).double(), t), t, y).prev_sample.double()
        if i % evaluations == evaluations - 1 or i == len(scheduler.timesteps) - 1:
            sigma = scheduler.sigmas[i + 1].double()
            states.append(y / (1 + sigma**2).sqrt())
    rounded = cls is KDPM2DiscreteScheduler and bool(options.get("use_karras_sigmas"))
    return entry(sampler, schedule, times, states, predictionType=prediction, sigmas=spacing_of(options), rounded=rounded)


def lambda_space(sampler, cls, steps, schedule="linear", prediction="epsilon", spacing="linspace", **options):
    """Schedulers whose sample is x itself."""
    scheduler = cls(num_train_timesteps=T, beta_start=1e-4, beta_end=0.02, beta_schedule=schedule, prediction_type=prediction, timestep_spacing=spacing, final_sigmas_type="zero", **options)
    scheduler.alphas_cumprod = ALPHAS_CUMPROD[schedule]
    scheduler.set_timesteps(steps)
    x, states, sde = x_T, [], options.get("algorithm_type", "").startswith("sde")
    for i, t in enumerate(scheduler.timesteps):
        extra = {"variance_noise": noise[i]} if sde else {}
        x = scheduler.step(network(x, t), t, x, **extra).prev_sample.double()
        states.append(x)
    return entry(sampler, schedule, scheduler.timesteps, states, predictionType=prediction, sigmas=spacing_of(options), rounded=bool(spacing_of(options)))


def flow(steps, shift):
    scheduler = FlowMatchEulerDiscreteScheduler(num_train_timesteps=T, shift=shift)
    scheduler.set_timesteps(sigmas=[1 - i / steps for i in range(steps)])
    x, states = x_T, []
    for t in scheduler.timesteps:
        x = scheduler.step(network(x, t), t, x).prev_sample.double()
        states.append(x)
    return entry("euler", "flow", scheduler.timesteps / T, states, predictionType="flow_prediction", shift=shift)


runs = [
    sigma_space("euler", EulerDiscreteScheduler, 10),
    sigma_space("euler", EulerDiscreteScheduler, 8, use_karras_sigmas=True),
    sigma_space("euler", EulerDiscreteScheduler, 8, use_exponential_sigmas=True),
    sigma_space("euler", EulerDiscreteScheduler, 8, prediction="v_prediction", timestep_spacing="trailing"),
    sigma_space("euler", EulerDiscreteScheduler, 8, schedule="squaredcos_cap_v2", timestep_spacing="trailing"),
    sigma_space("eulerAncestral", EulerAncestralDiscreteScheduler, 10),
    sigma_space("eulerAncestral", EulerAncestralDiscreteScheduler, 10, prediction="v_prediction"),
    sigma_space("eulerAncestral", EulerAncestralDiscreteScheduler, 10, schedule="squaredcos_cap_v2", timestep_spacing="trailing"),
    sigma_space("heun", HeunDiscreteScheduler, 8, evaluations=2),
    sigma_space("heun", HeunDiscreteScheduler, 8, evaluations=2, use_karras_sigmas=True, prediction="v_prediction"),
    sigma_space("heun", HeunDiscreteScheduler, 8, evaluations=2, use_exponential_sigmas=True, prediction="sample"),
    sigma_space("dpm2", KDPM2DiscreteScheduler, 8, evaluations=2),
    sigma_space("dpm2", KDPM2DiscreteScheduler, 8, evaluations=2, use_karras_sigmas=True, prediction="v_prediction"),
    lambda_space("dpmpp2m", DPMSolverMultistepScheduler, 10),
    lambda_space("dpmpp2m", DPMSolverMultistepScheduler, 20, spacing="trailing", prediction="v_prediction"),
    lambda_space("dpmpp2m", DPMSolverMultistepScheduler, 8, prediction="sample"),
    lambda_space("dpmpp2m", DPMSolverMultistepScheduler, 20, use_karras_sigmas=True),
    lambda_space("dpmpp2m", DPMSolverMultistepScheduler, 20, schedule="squaredcos_cap_v2", spacing="trailing"),
    lambda_space("dpmpp2mSde", DPMSolverMultistepScheduler, 10, algorithm_type="sde-dpmsolver++"),
    lambda_space("dpmpp2mSde", DPMSolverMultistepScheduler, 20, algorithm_type="sde-dpmsolver++", prediction="v_prediction", use_karras_sigmas=True),
    lambda_space("unipc", UniPCMultistepScheduler, 10),
    lambda_space("unipc", UniPCMultistepScheduler, 20, prediction="v_prediction", spacing="trailing"),
    lambda_space("unipc", UniPCMultistepScheduler, 20, prediction="sample", use_karras_sigmas=True),
    lambda_space("unipc", UniPCMultistepScheduler, 20, schedule="squaredcos_cap_v2", spacing="trailing"),
    flow(8, 1.0),
    flow(8, 3.0),
]
out = {"xT": digits(x_T), "noise": [digits(z) for z in noise], "shape": SHAPE, "runs": runs}
print("{")
print(",\n".join(f'"{k}": ' + ("[\n" + ",\n".join(json.dumps(v) for v in value) + "\n]" if k == "runs" else json.dumps(value)) for k, value in out.items()))
print("}")
