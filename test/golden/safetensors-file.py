"""A file written by the safetensors library, with every element type we read: safetensors-file.safetensors.

    python test/golden/safetensors-file.py

The test in src/formats/safetensors.test.ts states the same values in TypeScript and expects its writer to give the same bytes.
`python test/golden/safetensors-file.py FILE` instead reads FILE with the library and prints what it found.
"""

import sys
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file

TENSORS = {
    "conv_in.weight": torch.arange(24, dtype=torch.float32).reshape(2, 3, 2, 2) / 8 - 1,
    "conv_in.bias": torch.tensor([float("inf"), -0.0]),
    "scalar": torch.tensor(0.1),
    "empty": torch.zeros(0, 4),
    "half": torch.tensor([1.0, -2.5, 65504.0, 6e-8], dtype=torch.float16),
    "brain": torch.tensor([1.0, -2.5, 3.0e38], dtype=torch.bfloat16),
    "steps": torch.tensor([0, 1, -1, 2**62], dtype=torch.int64),
    "ids": torch.tensor([[1, -2, 2**31 - 1]], dtype=torch.int32),
    "mask": torch.tensor([True, False, True]),
    "naïve \"name\" \n 扩散 𝄞": torch.tensor([7.0]),
    "\uff5e": torch.tensor([8.0]),
}

if len(sys.argv) > 1:
    with safe_open(sys.argv[1], "pt") as file:
        print(file.metadata())
        for name in file.keys():
            tensor = file.get_tensor(name)
            print(name, tensor.dtype, list(tensor.shape), "same" if name in TENSORS and torch.equal(tensor, TENSORS[name]) else tensor)
else:
    save_file(TENSORS, Path(__file__).with_suffix(".safetensors"), {"format": "pt"})
