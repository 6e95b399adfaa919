"""Adam, AdamW, gradient clipping, EMA decay and learning-rate schedules, as PyTorch and diffusers compute them: adam.json.

    python test/golden/adam.py

Everything in float64. Gradients are clipped by their global norm (torch.nn.utils.clip_grad_norm_, whose factor is
min(1, max_norm / (norm + 1e-6))) before each step; `norms` are the norms before clipping: some steps clip, some do not.
"""

import json
from pathlib import Path

import torch
from diffusers.optimization import get_constant_schedule_with_warmup, get_cosine_schedule_with_warmup
from diffusers.training_utils import EMAModel

STEPS = 5
MAX_NORM = 0.5
SHAPES = {"a": [3], "b": [2, 2]}
# One scale a step: norms on both sides of MAX_NORM.
SCALES = [1.0, 0.1, 2.0, 0.05, 0.5]


def values(tensors):
    return {name: tensor.detach().flatten().tolist() for name, tensor in tensors.items()}


def trajectory(optimizer_class, initial, gradients, **options):
    parameters = {name: torch.nn.Parameter(tensor.clone()) for name, tensor in initial.items()}
    optimizer = optimizer_class(parameters.values(), foreach=False, **options)
    steps, norms = [], []
    for gradient in gradients:
        for name, parameter in parameters.items():
            parameter.grad = gradient[name].clone()
        norms.append(torch.nn.utils.clip_grad_norm_(parameters.values(), MAX_NORM).item())
        optimizer.step()
        steps.append(values(parameters))
    moments = {key: values({name: optimizer.state[parameter][key] for name, parameter in parameters.items()})
               for key in ("exp_avg", "exp_avg_sq")}
    return {"options": options, "norms": norms, "parameters": steps, "moments": moments}


def ema_decays(**options):
    ema = EMAModel([torch.nn.Parameter(torch.zeros(1))], **options)
    return {"options": options, "decays": [[step, ema.get_decay(step)] for step in [*range(21), 1000, 10000]]}


def schedule(make, **options):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    factor = make(optimizer, **options).lr_lambdas[0]
    steps = [0, 1, 2, 5, 9, 10, 11, 25, 50, 55, 75, 99, 100, 120]
    return {"options": options, "factors": [[step, factor(step)] for step in steps]}


torch.manual_seed(0)
initial = {name: torch.randn(shape, dtype=torch.float64) for name, shape in SHAPES.items()}
gradients = [{name: scale * torch.randn(shape, dtype=torch.float64) for name, shape in SHAPES.items()} for scale in SCALES]

record = {
    "shapes": SHAPES,
    "maxNorm": MAX_NORM,
    "initial": values(initial),
    "gradients": [values(gradient) for gradient in gradients],
    "adam": trajectory(torch.optim.Adam, initial, gradients, lr=1e-2, betas=(0.9, 0.999), eps=1e-8),
    "adamw": trajectory(torch.optim.AdamW, initial, gradients, lr=1e-2, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01),
    "ema": [
        ema_decays(decay=0.9999, use_ema_warmup=False),
        ema_decays(decay=0.9999, use_ema_warmup=True, inv_gamma=1.0, power=2 / 3),
        ema_decays(decay=0.9999, use_ema_warmup=True, inv_gamma=1.0, power=3 / 4),
        ema_decays(decay=0.995, use_ema_warmup=True, inv_gamma=5.0, power=1.0, min_decay=0.1, update_after_step=3),
    ],
    "constantWithWarmup": schedule(get_constant_schedule_with_warmup, num_warmup_steps=10),
    "cosineWithWarmup": schedule(get_cosine_schedule_with_warmup, num_warmup_steps=10, num_training_steps=100),
}
assert any(norm > MAX_NORM for norm in record["adam"]["norms"]) and any(norm < MAX_NORM for norm in record["adam"]["norms"])
Path(__file__).with_suffix(".json").write_text(json.dumps(record, indent=1) + "\n")
