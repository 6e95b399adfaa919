"""Opens an ONNX model that Kuosan exported with Python's onnx and ONNX Runtime, and compares what it returns.

    python test/golden/open-onnx.py FILE IO

FILE  what `kuosan export --out` wrote
IO    a safetensors file with what Kuosan computed: sample [B, C, H, W], timestep [B], out_sample, and, for a model with classes,
      class_labels [B] (i64)
Checks the file with onnx.checker, computes all samples together and, if the batch is symbolic, one by one, and prints the
largest absolute differences; exits 1 if one is above 1e-4.
"""

import json
import sys

import numpy as np
import onnx
import onnxruntime
from safetensors.numpy import load_file

file, io = sys.argv[1:]
model = onnx.load(file)
onnx.checker.check_model(model, full_check=True)
facts = {entry.key: entry.value for entry in model.metadata_props}
config = json.loads(facts["model_config"])
domains = {node.domain for node in model.graph.node}
print(f"{config['_class_name']} made by {facts.get('made_by', 'the library')}, IR {model.ir_version}, "
      f"opset {', '.join(str(opset.version) for opset in model.opset_import)}, {len(model.graph.node)} nodes of "
      f"{'the standard domain' if domains <= {'', 'ai.onnx'} else domains}, onnx {onnx.__version__}, ONNX Runtime {onnxruntime.__version__}")

session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
inputs = load_file(io)
expected = inputs.pop("out_sample")
batch = session.get_inputs()[0].shape[0]


def difference(first: int, last: int) -> float:
    (out,) = session.run(["out_sample"], {name: value[first:last] for name, value in inputs.items()})
    return float(np.abs(out - expected[first:last]).max())


differences = {"together": difference(0, len(expected))}
if batch == "batch":
    differences["one by one"] = max(difference(i, i + 1) for i in range(len(expected)))
print(", ".join(f"{name}: {value:.2e}" for name, value in differences.items()))
sys.exit(max(differences.values()) > 1e-4)
