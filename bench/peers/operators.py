"""The PyTorch side of the kernel benchmark: single operators behind lines of JSON.

    python bench/peers/operators.py '{"threads": 2}'

First answer (one line): {"ready": true, "torch": "...", "threads": n} or {"error": "..."}.
Requests on stdin:
    {"kernel": k, "x": [...], "w": [...], "layout": "contiguous" | "channels_last", "copies": c, "repeat": n}
        -> {"ms": [...]}, the time of c runs on c sets of operands, n times
        k = "matmul"      x @ w
            "matmul_t"    x @ w with the last two axes of w exchanged
            "conv"        3 x 3 convolutions of x [B, C, H, W] with w [O, C, 3, 3], pads 1
            "chain"       the same, c times in a row; needs O = C
            "conv_dx"     its gradient by x,  "conv_dw"  by w
    {"cmd": "quit"} or end of input ends the process.
"""

import json
import sys
import time

from lines_of_json import answer, fail, read_options, serve

try:
    import torch
except ImportError as error:
    fail(f"{error}; install torch for {sys.executable}")

options = read_options({"threads": 2})
torch.set_num_threads(options["threads"])
torch.manual_seed(0)


def operands(shape, layout):
    x = torch.randn(*shape)
    return x.contiguous(memory_format=torch.channels_last) if layout == "channels_last" else x


def gradient(x, w, dy, wanted):
    return torch.ops.aten.convolution_backward(dy, x, w, None, [1, 1], [1, 1], [1, 1], False, [0, 0], 1, wanted)


def prepare(kernel, x_shape, w_shape, layout, copies):
    sets = [(operands(x_shape, layout), operands(w_shape, layout)) for _ in range(copies)]
    if kernel == "matmul":
        return lambda: [torch.matmul(x, w) for x, w in sets]
    if kernel == "matmul_t":
        return lambda: [torch.matmul(x, w.transpose(-1, -2)) for x, w in sets]
    if kernel == "conv":
        return lambda: [torch.conv2d(x, w, padding=1) for x, w in sets]
    if kernel == "chain":
        def chain():
            y = sets[0][0]
            for _, w in sets:
                y = torch.conv2d(y, w, padding=1)
        return chain
    if kernel in ("conv_dx", "conv_dw"):
        y_shape = [x_shape[0], w_shape[0], *x_shape[2:]]
        wanted = [kernel == "conv_dx", kernel == "conv_dw", False]
        with_dy = [(x, w, operands(y_shape, layout)) for x, w in sets]
        return lambda: [gradient(x, w, dy, wanted) for x, w, dy in with_dy]
    raise ValueError(f"unknown kernel {kernel!r}")


prepared = {}


def reply(request):
    key = json.dumps([request[k] for k in ("kernel", "x", "w", "layout", "copies")])
    if key not in prepared:
        prepared.clear()
        prepared[key] = prepare(*json.loads(key))
    ms = []
    with torch.inference_mode():
        for _ in range(int(request.get("repeat", 1))):
            start = time.perf_counter()
            prepared[key]()
            ms.append((time.perf_counter() - start) * 1e3)
    return {"ms": ms}


answer({"ready": True, "torch": torch.__version__, "threads": torch.get_num_threads()})
serve(reply)
