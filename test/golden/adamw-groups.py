"""AdamW with two groups of parameters on a least-squares problem: adamw-groups.json.

    python test/golden/adamw-groups.py

Everything in float64: y = x W^T + b against targets, the mean squared error, five steps of the whole batch. The weight
decays and has the base rate; the bias does not decay and has half of it.
"""

import json
from pathlib import Path

import torch

torch.set_default_dtype(torch.float64)
torch.manual_seed(0)
x, target = torch.randn(6, 3).float().double(), torch.randn(6, 2).float().double()
layer = torch.nn.Linear(3, 2)
layer.weight.data, layer.bias.data = torch.randn(2, 3).float().double(), torch.randn(2).float().double()
initial = {"weight": layer.weight.flatten().tolist(), "bias": layer.bias.tolist()}
optimizer = torch.optim.AdamW([{"params": [layer.weight]}, {"params": [layer.bias], "lr": 0.05, "weight_decay": 0.0}], lr=0.1, weight_decay=0.2)
steps = []
for _ in range(5):
    optimizer.zero_grad()
    loss = torch.nn.functional.mse_loss(layer(x), target)
    loss.backward()
    optimizer.step()
    steps.append({"loss": loss.item(), "weight": layer.weight.flatten().tolist(), "bias": layer.bias.tolist()})
record = {"x": x.flatten().tolist(), "target": target.flatten().tolist(), "initial": initial, "steps": steps}
Path(__file__).with_suffix(".json").write_text(json.dumps(record, indent=1) + "\n")
