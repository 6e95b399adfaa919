"""Values and gradients of single operations, as PyTorch computes them in float64: ops.json.

    python test/golden/ops.py

Operand i has the elements 2 sin(1.7 k + i + 0.5), k counting them in row-major order, or their absolute values + 0.1
where only positive numbers are meant. The loss is the sum of y_k cos(k); `gradients` are those by each operand.
Pixels are counted as [top, left, bottom, right], as in ONNX.
"""

import json
from pathlib import Path

import torch
import torch.nn.functional as F


def operand(shape, index, positive):
    k = torch.arange(torch.Size(shape).numel(), dtype=torch.float64)
    x = 2 * torch.sin(1.7 * k + index + 0.5)
    return (x.abs() + 0.1 if positive else x).reshape(shape).requires_grad_()


def case(f, *shapes, positive=False):
    operands = [operand(shape, i, positive) for i, shape in enumerate(shapes)]
    y = f(*operands)
    weights = torch.cos(torch.arange(y.numel(), dtype=torch.float64)).reshape(y.shape)
    gradients = torch.autograd.grad((y * weights).sum(), operands)
    return {
        "shapes": [list(shape) for shape in shapes],
        "positive": positive,
        "shape": list(y.shape),
        "y": y.flatten().tolist(),
        "gradients": [g.flatten().tolist() for g in gradients],
    }


def interpolate(size, **options):
    return lambda x: F.interpolate(x, size=size, **options)


def indices(*values):
    return torch.tensor(values)


def conv_transpose(x, w, b):
    # PyTorch pads alike on both sides; what is cut off beyond that is cut here.
    y = F.conv_transpose2d(x, w, b, stride=(2, 1), padding=(0, 1), output_padding=(1, 0), groups=2, dilation=(1, 2))
    return y[:, :, :-1, :]


POINTS = [[11]]
IMAGE = [[2, 3, 7, 6]]
SMALL = [[1, 2, 5, 6]]
record = {
    "erf": case(torch.erf, *POINTS),
    "softplus": case(F.softplus, *POINTS),
    "relu": case(F.relu, *POINTS),
    "leakyRelu": case(lambda x: F.leaky_relu(x, 0.2), *POINTS),
    "gelu": case(F.gelu, *POINTS),
    "geluTanh": case(lambda x: F.gelu(x, approximate="tanh"), *POINTS),
    "quickGelu": case(lambda x: x * torch.sigmoid(1.702 * x), *POINTS),
    "mish": case(F.mish, *POINTS),
    "abs": case(torch.abs, *POINTS),
    "floor": case(torch.floor, *POINTS),
    "clip": case(lambda x: torch.clamp(x, -1, 0.5), *POINTS),
    "pow": case(torch.pow, [3, 1], [4], positive=True),
    "powNumber": case(lambda x: x ** 2.5, *POINTS, positive=True),
    "max": case(lambda x: torch.amax(x, (0, 2)), *IMAGE),
    "min": case(lambda x: torch.amin(x, (1, 3), keepdim=True), *IMAGE),
    "topK": case(lambda x: torch.topk(x, 3, dim=1).values, [3, 7]),
    "sort": case(lambda x: torch.sort(x, dim=0).values, [5, 3]),
    "logSoftmax": case(lambda x: F.log_softmax(x, -1), [3, 7]),
    "logSumExp": case(lambda x: torch.logsumexp(x, (0, 2)), [3, 4, 5]),
    "cumsum": case(lambda x: torch.cumsum(x, 1), [3, 4, 2]),
    "crossEntropy": case(lambda x: F.cross_entropy(x, indices(4, 0, 6), reduction="none"), [3, 7]),
    "takeAlongAxis": case(lambda x: torch.gather(x, 1, indices([0, 2, 2], [1, 1, 0])), [2, 3]),
    "flip": case(lambda x: torch.flip(x, (0, 2)), [2, 3, 4]),
    "slice": case(lambda x: x[:, 1::3, :5:2], [2, 8, 6]),
    "avgPool2d": case(lambda x: F.avg_pool2d(x, (3, 2), (2, 1), (1, 1)), *IMAGE),
    "avgPool2dInside": case(lambda x: F.avg_pool2d(x, 3, 1, 1, count_include_pad=False), *IMAGE),
    "maxPool2d": case(lambda x: F.max_pool2d(x, 3, 2, 1), *IMAGE),
    "maxPool2dTiles": case(lambda x: F.max_pool2d(x, 2), [2, 3, 6, 4]),
    "convTranspose2d": case(conv_transpose, [2, 4, 4, 5], [4, 3, 3, 2], [6]),
    "matmul": case(torch.matmul, [2, 1, 3, 4], [3, 4, 2]),
    "nearestUp": case(interpolate((8, 13)), *SMALL),
    "nearestDown": case(interpolate((2, 4)), *SMALL),
    "bilinearUp": case(interpolate((8, 13), mode="bilinear"), *SMALL),
    "bilinearDown": case(interpolate((2, 4), mode="bilinear"), *SMALL),
    "bilinearCorners": case(interpolate((9, 1), mode="bilinear", align_corners=True), *SMALL),
    "bilinearAntialias": case(interpolate((2, 7), mode="bilinear", antialias=True), *SMALL),
    "bicubicUp": case(interpolate((8, 13), mode="bicubic"), *SMALL),
    "bicubicDown": case(interpolate((2, 4), mode="bicubic"), *SMALL),
    "bicubicCorners": case(interpolate((9, 3), mode="bicubic", align_corners=True), *SMALL),
    "bicubicAntialias": case(interpolate((2, 4), mode="bicubic", antialias=True), *SMALL),
}

cases = ",\n".join(f" {json.dumps(name)}: {json.dumps(numbers)}" for name, numbers in record.items())
Path(__file__).with_suffix(".json").write_text(f"{{\n{cases}\n}}\n")
