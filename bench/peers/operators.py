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
import os
import sys
import time

protocol = os.fdopen(os.dup(1), "w", buffering=1)
os.dup2(2, 1)


def answer(record):
    protocol.write(json.dumps(record) + "\n")
    protocol.flush()


try:
    import torch
except ImportError as error:
    answer({"error": f"operators.py: {error}; install torch for {sys.executable}"})
    sys.exit(1)

options = {"threads": 2, **(json.loads(sys.argv[1]) if len(sys.argv) > 1 else {})}
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
answer({"ready": True, "torch": torch.__version__, "threads": torch.get_num_threads()})
for line in sys.stdin:
    if not line.strip():
        continue
    try:
        request = json.loads(line)
        if request.get("cmd") == "quit":
            break
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
        answer({"ms": ms})
    except Exception as error:
        answer({"error": f"operators.py: {type(error).__name__}: {error}"})
