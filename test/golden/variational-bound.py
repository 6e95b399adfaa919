"""Writes variational-bound.json: terms of DDPM's bound by torch.distributions, in float64.

    python test/golden/variational-bound.py > test/golden/variational-bound.json

Linear schedule of 1000 steps; ln of the learned variance lies between those of the posterior's variance and of beta. At
t = 0 the term is the likelihood of 256 gray levels, with the tanh formula for the normal distribution function.
"""
import json
import math

import torch
from torch.distributions import Normal, kl_divergence

torch.set_default_dtype(torch.float64)
T = 1000
betas = torch.linspace(1e-4, 0.02, T)
bar = torch.cumprod(1 - betas, 0)
bar_prev = torch.cat([torch.ones(1), bar[:-1]])
posterior_variance = betas * (1 - bar_prev) / (1 - bar)
posterior_variance[0] = posterior_variance[1]
generator = torch.Generator().manual_seed(0)
times = [0, 1, 500, 999]
# Pictures are gray levels, the lowest and the highest among them.
x0 = torch.randint(0, 256, (len(times), 1, 2, 3), generator=generator) / 127.5 - 1
x0[:, 0, 0, 0], x0[:, 0, 0, 1] = -1, 1
eps, eps_hat, v = (torch.randn(x0.shape, generator=generator) for _ in range(3))
eps_hat = eps + 0.1 * eps_hat


def cdf(x):
    return 0.5 * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


terms = []
for b, t in enumerate(times):
    c0, ct = bar_prev[t].sqrt() * betas[t] / (1 - bar[t]), (1 - bar_prev[t]) * (1 - betas[t]).sqrt() / (1 - bar[t])
    xt = bar[t].sqrt() * x0[b] + (1 - bar[t]).sqrt() * eps[b]
    x0_hat = (xt - (1 - bar[t]).sqrt() * eps_hat[b]) / bar[t].sqrt()
    fraction = (v[b] + 1) / 2
    log_variance = fraction * betas[t].log() + (1 - fraction) * posterior_variance[t].log()
    model = Normal(c0 * x0_hat + ct * xt, (0.5 * log_variance).exp())
    if t > 0:
        term = kl_divergence(Normal(c0 * x0[b] + ct * xt, posterior_variance[t].sqrt()), model)
    else:
        z = lambda edge: (x0[b] + edge - model.loc) / model.scale
        p = torch.where(x0[b] < -0.999, cdf(z(1 / 255)), torch.where(x0[b] > 0.999, 1 - cdf(z(-1 / 255)), cdf(z(1 / 255)) - cdf(z(-1 / 255))))
        term = -p.clamp(min=1e-12).log()
    terms.append((term.mean() / math.log(2)).item())
flat = lambda x: [float(f"{value:.12g}") for value in x.flatten().tolist()]
print(json.dumps({"times": times, "shape": list(x0.shape), "x0": flat(x0), "eps": flat(eps), "epsHat": flat(eps_hat), "v": flat(v), "bits": terms}))
