"""Layers of PyTorch and diffusers with their gradients, in float64 rounded to float32: layers.safetensors.

    python test/golden/layers.py

Names are <case>/<what>: the inputs, `y`, `w.<parameter>` by checkpoint name, and `g.<what>`, the gradient of
sum(y * cos(0, 1, 2, ...)) by an input or a parameter.
    layer-norm, rms-norm     [2, 3, 8], eps 1e-5 and 1e-6
    batch-norm               x0, x1, x2 [4, 3, 2, 2]: three steps of training (gradients at the first), running statistics
                             after each as w0., w1., w2.; then evaluation of x0 as `eval`
    attention-*              diffusers' Attention: 8 channels, 2 heads of 3; 5 queries; masks as in AttentionMasks
"""

from pathlib import Path

import torch
from diffusers.models.attention_processor import Attention
from safetensors.torch import save_file

torch.set_default_dtype(torch.float64)
torch.manual_seed(0)
out = {}


def keep(case, values):
    for name, value in values.items():
        out[f"{case}/{name}"] = value.detach().to(torch.bool if value.dtype == torch.bool else torch.float32).contiguous().clone()


def perturbed(module):
    for parameter in module.parameters():
        parameter.data += 0.3 * torch.randn_like(parameter)
    # The values that are stored are the values that are computed with.
    for parameter in module.parameters():
        parameter.data = parameter.data.float().double()
    return module


def randn(*shape):
    return torch.randn(*shape).float().double()


def evaluate(case, module, inputs, call=None):
    leaves = {name: x.clone().requires_grad_() if x.is_floating_point() else x for name, x in inputs.items()}
    y = (call(**leaves) if call else module(*leaves.values()))
    (y * torch.cos(torch.arange(y.numel(), dtype=y.dtype)).reshape(y.shape)).sum().backward()
    keep(case, {**inputs, "y": y})
    keep(case, {f"w.{name}": p for name, p in module.named_parameters()})
    keep(case, {f"g.{name}": p.grad for name, p in module.named_parameters()})
    keep(case, {f"g.{name}": x.grad for name, x in leaves.items() if x.is_floating_point()})
    return y


evaluate("layer-norm", perturbed(torch.nn.LayerNorm(8)), {"input": randn(2, 3, 8) + 1})
evaluate("rms-norm", perturbed(torch.nn.RMSNorm(8, eps=1e-6)), {"input": randn(2, 3, 8)})

norm = perturbed(torch.nn.BatchNorm2d(3)).train()
batches = [randn(4, 3, 2, 2) * (i + 1) + i for i in range(3)]
evaluate("batch-norm", norm, {"input": batches[0]})
for i, batch in enumerate(batches):
    keep("batch-norm", {f"x{i}": batch})
    if i > 0:
        norm(batch)
    keep("batch-norm", {f"w{i}.{name}": buffer for name, buffer in norm.named_buffers()})
keep("batch-norm", {"eval": norm.eval()(batches[0])})

x, context = randn(2, 5, 8), randn(2, 4, 6)
padding = torch.tensor([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]], dtype=torch.bool)
context_padding = torch.tensor([[1, 0, 1, 1], [1, 1, 0, 0]], dtype=torch.bool)
triangle = torch.ones(5, 5, dtype=torch.bool).tril().expand(2, 5, 5)
additive = randn(2, 5, 5)


def attention(**options):
    return perturbed(Attention(query_dim=8, heads=2, dim_head=3, **options))


def case(name, module, inputs, mask=None, encoder=False):
    def call(hidden_states, context=None, bias=None, **_):
        attention_mask = bias if bias is not None else mask
        return module(hidden_states, encoder_hidden_states=context if encoder else None, attention_mask=attention_mask)
    evaluate(name, module, inputs, call)


case("attention-self", attention(bias=True), {"hidden_states": x})
case("attention-causal", attention(), {"hidden_states": x}, triangle)
case("attention-padding", attention(), {"hidden_states": x, "key_mask": padding}, padding[:, None, :])
case("attention-causal-padding", attention(), {"hidden_states": x, "key_mask": padding}, triangle & padding[:, None, :])
case("attention-bias", attention(), {"hidden_states": x, "bias": additive})
case("attention-cross", attention(cross_attention_dim=6), {"hidden_states": x, "context": context, "key_mask": context_padding}, context_padding[:, None, :], encoder=True)

save_file(out, Path(__file__).with_suffix(".safetensors"))
