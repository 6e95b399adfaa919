"""Writes hybrid-loss.json: L_hybrid of a network's output and its gradient, in float64, as OpenAI's improved-diffusion computes them.

    python test/golden/hybrid-loss.py

The output's channels are a prediction (of epsilon, x_0 or v) and v of the variance. The loss of a sample is the mean squared error of the
first plus, with the prediction detached, T times lambda times the variational term in bits. `gradient` is that of the mean over the batch.
Where diffusers' DDPMScheduler has the variance (t > 0), it is compared with ours.
"""
import json
import math
from pathlib import Path

import torch
from diffusers import DDPMScheduler

T, VLB_WEIGHT = 200, 0.02
torch.set_default_dtype(torch.float64)
betas = torch.linspace(1e-4, 0.02, T)
bar = torch.cumprod(1 - betas, 0)
bar_prev = torch.cat([torch.ones(1), bar[:-1]])
posterior_variance = betas * (1 - bar_prev) / (1 - bar)
posterior_log_variance = torch.cat([posterior_variance[1:2], posterior_variance[1:]]).log()
posterior_x0, posterior_xt = betas * bar_prev.sqrt() / (1 - bar), (1 - bar_prev) * (1 - betas).sqrt() / (1 - bar)
times = torch.tensor([0, 1, 100, 199])


def at(values):
    return values[times].reshape(-1, 1, 1, 1)


def normal_kl(mean1, logvar1, mean2, logvar2):
    return 0.5 * (-1 + logvar2 - logvar1 + (logvar1 - logvar2).exp() + (mean1 - mean2) ** 2 * (-logvar2).exp())


def cdf(x):
    return 0.5 * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def level_log_likelihood(x, mean, log_scale):
    upper, lower = (cdf((x - mean + side / 255) * (-log_scale).exp()) for side in (1, -1))
    p = torch.where(x < -0.999, upper, torch.where(x > 0.999, 1 - lower, upper - lower))
    return p.clamp(min=1e-12).log()


def variational_term(x0, xt, prediction, v, says):
    x0_hat = {"epsilon": (xt - at(1 - bar).sqrt() * prediction) / at(bar).sqrt(), "sample": prediction, "v_prediction": at(bar).sqrt() * xt - at(1 - bar).sqrt() * prediction}[says]
    fraction = (v + 1) / 2
    log_variance = fraction * at(betas.log()) + (1 - fraction) * at(posterior_log_variance)
    mean, true_mean = (at(posterior_x0) * x + at(posterior_xt) * xt for x in (x0_hat, x0))
    kl = normal_kl(true_mean, at(posterior_log_variance), mean, log_variance)
    levels = -level_log_likelihood(x0, mean, 0.5 * log_variance)
    return torch.where(times.reshape(-1, 1, 1, 1) == 0, levels, kl).mean((1, 2, 3)) / math.log(2), log_variance


generator = torch.Generator().manual_seed(0)
# Gray levels, the lowest and the highest among them.
x0 = torch.randint(0, 256, (len(times), 2, 2, 3), generator=generator) / 127.5 - 1
x0[:, 0, 0, 0], x0[:, 0, 0, 1] = -1, 1
eps, error, v = (torch.randn(x0.shape, generator=generator) for _ in range(3))
xt = at(bar).sqrt() * x0 + at(1 - bar).sqrt() * eps
scheduler = DDPMScheduler(num_train_timesteps=T, beta_start=1e-4, beta_end=0.02, variance_type="learned_range")
flat = lambda x: [float(f"{value:.12g}") for value in x.flatten().tolist()]
said = {}
for says, target in {"epsilon": eps, "sample": x0, "v_prediction": at(bar).sqrt() * eps - at(1 - bar).sqrt() * x0}.items():
    # At t = 0 an error of x_0 has to be small, or every likelihood is the least.
    scale = torch.where(times.reshape(-1, 1, 1, 1) == 0, 0.003, 0.1) if says != "epsilon" else 0.1
    output = torch.cat([target + scale * error, v], 1).requires_grad_()
    prediction, variance = output.split(2, 1)
    term, log_variance = variational_term(x0, xt, prediction.detach(), variance, says)
    for b, t in enumerate(times.tolist()):
        if t > 0:
            theirs = scheduler._get_variance(t, predicted_variance=variance[b])
            # Theirs is float32, in which 1 - bar, 1e-4 at first, is known to 2^-24.
            assert (theirs - log_variance[b]).abs().max() < 1e-3, (t, theirs, log_variance[b])
    loss = ((prediction - target) ** 2).mean((1, 2, 3)) + VLB_WEIGHT * T * term
    (gradient,) = torch.autograd.grad(loss.mean(), output)
    said[says] = {"output": flat(output), "loss": flat(loss), "gradient": flat(gradient)}
Path(__file__).with_suffix(".json").write_text(json.dumps({"T": T, "vlbWeight": VLB_WEIGHT, "times": times.tolist(), "shape": list(x0.shape), "x0": flat(x0), "eps": flat(eps), "said": said}) + "\n")
