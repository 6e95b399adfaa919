"""diffusers' schedulers on Gaussian data, where every step can be checked: how far is the end from the exact one?

Started by bench/samplers.ts. Reads a line of JSON for each question and answers with one:

    {"ask": "end", "scheduler", "steps"}   {"relativeError"}: |x(0)/exact - 1| of the probability-flow ODE on N(0, s^2), s = 1/2, from x = 80 at
                                           sigma = 80 on Karras' levels from 0.002 to 80; of a flow from x = 1 at t = 1 on equal steps
    {"ask": "law", "scheduler", "steps"}   {"mean", "std"}: of 2^18 images of one value each, drawn on N(0.3, s^2) with the linear betas
    {"ask": "seed", "scheduler"}           {"again", "oneGenerator", "ownGenerators"}: whether the first of three images has the same bytes when it is
                                           drawn again, and when it is drawn alone: with a generator for all of them, and with one for each

Karras' levels are put in the place of those that a scheduler makes from its betas (`_convert_to_karras`), so that all walk the
same list; the denoiser is asked at the scheduler's own sigma, in float64 wherever the scheduler keeps it.
"""
import json
import sys
import warnings

warnings.filterwarnings("ignore")
try:
    import diffusers
    import numpy as np
    import torch
except ImportError as error:
    print(json.dumps({"error": f"samplers.py: {error}; install diffusers and torch for {sys.executable}"}), flush=True)
    sys.exit(1)

S, SIGMA_MIN, SIGMA_MAX = 0.5, 0.002, 80.0
EXACT = SIGMA_MAX * S / np.sqrt(S**2 + SIGMA_MAX**2)


def levels(n):
    ramp = np.linspace(0, 1, n)
    low, high = SIGMA_MIN ** (1 / 7), SIGMA_MAX ** (1 / 7)
    return (high + ramp * (low - high)) ** 7


# Whether the sample is x / alpha (sigma space) or x itself (variance-preserving), and the options.
SCHEDULERS = {
    "EulerDiscrete": ("sigma", diffusers.EulerDiscreteScheduler, {}),
    "HeunDiscrete": ("sigma", diffusers.HeunDiscreteScheduler, {}),
    "KDPM2Discrete": ("sigma", diffusers.KDPM2DiscreteScheduler, {}),
    "LMSDiscrete": ("sigma", diffusers.LMSDiscreteScheduler, {}),
    "DPMSolverMultistep": ("vp", diffusers.DPMSolverMultistepScheduler, {"final_sigmas_type": "zero", "algorithm_type": "dpmsolver++"}),
    "DPMSolverMultistep, order 3": ("vp", diffusers.DPMSolverMultistepScheduler, {"final_sigmas_type": "zero", "algorithm_type": "dpmsolver++", "solver_order": 3}),
    "DPMSolverSinglestep": ("vp", diffusers.DPMSolverSinglestepScheduler, {"final_sigmas_type": "zero", "lower_order_final": True}),
    "UniPCMultistep": ("vp", diffusers.UniPCMultistepScheduler, {"final_sigmas_type": "zero"}),
    "EDMEuler": ("edm", diffusers.EDMEulerScheduler, {}),
    "EDMDPMSolverMultistep": ("edm", diffusers.EDMDPMSolverMultistepScheduler, {"final_sigmas_type": "zero"}),
}


def x0_of(x, sigma):
    """E[x_0 | x + sigma eps], the exact denoiser."""
    return x * S**2 / (S**2 + sigma**2)


def error_of(name, steps):
    space, cls, options = SCHEDULERS[name]
    if space == "edm":
        scheduler = cls(sigma_min=SIGMA_MIN, sigma_max=SIGMA_MAX, sigma_data=S, **options)
        scheduler.set_timesteps(steps)
    else:
        scheduler = cls(prediction_type="epsilon" if name == "KDPM2Discrete" else "sample", use_karras_sigmas=True, **options)
        scheduler._convert_to_karras = lambda in_sigmas, num_inference_steps=steps, **_: levels(num_inference_steps)
        scheduler.set_timesteps(steps)
    # Beyond the betas' own levels several times are alike, and a scheduler that looked its place up would start at the second.
    scheduler.set_begin_index(0)
    sigmas = [float(s) for s in scheduler.sigmas]
    x = torch.full((1, 1, 1, 1), SIGMA_MAX, dtype=torch.float64)
    if space == "vp":
        x = x / np.sqrt(1 + sigmas[0] ** 2)
    for i, t in enumerate(scheduler.timesteps):
        sigma = float(scheduler.sigmas[scheduler.step_index or 0])
        if name == "KDPM2Discrete" and not scheduler.state_in_first_order:
            sigma = float(scheduler.sigmas_interpol[scheduler.step_index])
        elif name == "HeunDiscrete" and not scheduler.state_in_first_order:
            sigma = float(scheduler.sigmas[scheduler.step_index + 1])
        scheduler.scale_model_input(x, t)  # Some insist on being asked.
        y = x * np.sqrt(1 + sigma**2) if space == "vp" else x
        said = x0_of(y, sigma)
        if space == "edm":
            # F of EDM's preconditioning, with which the scheduler makes x_0 again.
            c_skip, c_out = S**2 / (sigma**2 + S**2), sigma * S / np.sqrt(sigma**2 + S**2)
            said = (said - c_skip * x) / c_out
        elif name == "KDPM2Discrete":
            said = (y - said) / sigma
        x = scheduler.step(said, t, x).prev_sample
    return abs(float(x) / EXACT - 1)


def flow_error_of(steps):
    scheduler = diffusers.FlowMatchEulerDiscreteScheduler(num_train_timesteps=1000)
    scheduler.set_timesteps(sigmas=[1 - i / steps for i in range(steps)])
    x = torch.ones(1, 1, 1, 1, dtype=torch.float64)
    for i, t in enumerate(scheduler.timesteps):
        level = float(scheduler.sigmas[i])
        # The exact velocity E[eps - x_0 | x] of x = (1 - t) x_0 + t eps.
        x = scheduler.step(x * (level - (1 - level) * S**2) / ((1 - level) ** 2 * S**2 + level**2), t, x).prev_sample.double()
    return abs(float(x) / S - 1)


MEAN, COUNT = 0.3, 2**18

# Those that work on a schedule of betas, with the options that make them random, and of their step.
RANDOM = {
    "DDPM, fixed_small": (diffusers.DDPMScheduler, {"clip_sample": False, "variance_type": "fixed_small"}, {}),
    "DDPM, fixed_large": (diffusers.DDPMScheduler, {"clip_sample": False, "variance_type": "fixed_large"}, {}),
    "DDIM": (diffusers.DDIMScheduler, {"clip_sample": False}, {"eta": 0.0}),
    "DDIM, eta 1": (diffusers.DDIMScheduler, {"clip_sample": False}, {"eta": 1.0}),
    "EulerAncestralDiscrete": (diffusers.EulerAncestralDiscreteScheduler, {}, {}),
    "KDPM2AncestralDiscrete": (diffusers.KDPM2AncestralDiscreteScheduler, {}, {}),
    "DPMSolverMultistep, sde-dpmsolver++": (diffusers.DPMSolverMultistepScheduler, {"algorithm_type": "sde-dpmsolver++", "final_sigmas_type": "zero"}, {}),
}


def draw(name, steps, noise, generator):
    """Images from noise [B, 1, 1, W] of variance one, with the exact denoiser of N(MEAN, S^2) in the network's place."""
    cls, options, step_options = RANDOM[name]
    scheduler = cls(num_train_timesteps=1000, beta_start=1e-4, beta_end=0.02, beta_schedule="linear", timestep_spacing="trailing", **options)
    scheduler.set_timesteps(steps)
    x = noise * float(scheduler.init_noise_sigma)
    in_levels = hasattr(scheduler, "sigmas") and "Multistep" not in cls.__name__
    for t in scheduler.timesteps:
        if in_levels:
            # The sample is x / alpha, and what is divided away for the network says at which level it is asked.
            sigma = (float(scheduler.scale_model_input(torch.ones(1, dtype=torch.float64), t)) ** -2 - 1) ** 0.5
            y = x
        else:
            alpha_bar = float(scheduler.alphas_cumprod[int(t)])
            sigma = (1 / alpha_bar - 1) ** 0.5
            y = x / alpha_bar**0.5
        eps = sigma * (y - MEAN) / (S**2 + sigma**2)
        x = scheduler.step(eps, t, x, generator=generator, **step_options).prev_sample
    return x


def law_of(name, steps):
    generator = torch.Generator().manual_seed(0)
    x = draw(name, steps, torch.randn(1, 1, 1, COUNT, generator=generator, dtype=torch.float64), generator)
    return {"mean": float(x.mean()), "std": float(x.std(correction=0))}


def seed_of(name):
    noise = torch.randn(3, 1, 1, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    own = lambda count: [torch.Generator().manual_seed(2 + i) for i in range(count)]
    one = lambda: torch.Generator().manual_seed(2)
    same = lambda a, b: bool(torch.equal(a[:1], b[:1]))
    three = draw(name, 10, noise, own(3))
    return {
        "again": same(three, draw(name, 10, noise, own(3))),
        "oneGenerator": same(draw(name, 10, noise, one()), draw(name, 10, noise[:1], one())),
        "ownGenerators": same(three, draw(name, 10, noise[:1], own(1))),
    }


ANSWERS = {
    "end": lambda name, steps: {"relativeError": flow_error_of(steps) if name == "FlowMatchEulerDiscrete" else error_of(name, steps)},
    "law": law_of,
    "seed": lambda name, _: seed_of(name),
}
print(json.dumps({"diffusers": diffusers.__version__, "torch": torch.__version__, "schedulers": [*SCHEDULERS, "FlowMatchEulerDiscrete"], "random": list(RANDOM)}), flush=True)
for line in sys.stdin:
    request = json.loads(line)
    try:
        print(json.dumps(ANSWERS[request["ask"]](request["scheduler"], request.get("steps"))), flush=True)
    except Exception as error:  # A scheduler that cannot do it is an answer.
        print(json.dumps({"cannot": f"{type(error).__name__}: {error}"}), flush=True)
