"""diffusers' schedulers on N(0, s^2), where every step can be checked: how far is the end from the exact one?

Started by bench/samplers.ts. Reads a line of JSON for each question, {"scheduler", "steps"}, and answers with {"relativeError"}:
|x(0)/exact - 1| of the probability-flow ODE from x = 80 at sigma = 80, s = 1/2, on Karras' levels from 0.002 to 80.

The levels are put in the place of those that a scheduler makes from its betas (`_convert_to_karras`), so that all walk the
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


print(json.dumps({"diffusers": diffusers.__version__, "torch": torch.__version__, "schedulers": list(SCHEDULERS)}), flush=True)
for line in sys.stdin:
    request = json.loads(line)
    print(json.dumps({"relativeError": error_of(request["scheduler"], request["steps"])}), flush=True)
