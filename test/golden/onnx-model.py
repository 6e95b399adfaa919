"""A model written and checked by the onnx library, with every field our schema has: onnx-model.onnx.

    python test/golden/onnx-model.py

The test in src/onnx/encode.test.ts states the same model in TypeScript and expects its encoder to give the same bytes.
`python test/golden/onnx-model.py FILE` instead checks FILE with the library (onnx.checker, full).
"""

import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def attributes_of_every_kind():
    """Not a standard operator: its own domain keeps the checker from looking it up."""
    return helper.make_node(
        "Everything", ["h"], ["z"], name="every", domain="test.kuosan",
        f=0.5, i=-3, s="tanh", floats=[1.5, -2.25], ints=[0, 1, -1, 2**40], strings=["a", "扩散"],
        t=numpy_helper.from_array(np.array([1.5, -1], np.float32)),
    )


def build():
    float_data = TensorProto(dims=[2, 1], data_type=TensorProto.FLOAT, name="slope", float_data=[0.25, -0.5])
    int64_data = TensorProto(dims=[2], data_type=TensorProto.INT64, name="shape", int64_data=[-1, 4])
    int32_data = TensorProto(dims=[3], data_type=TensorProto.INT32, name="ids", int32_data=[7, -7, 2**31 - 1])
    graph = helper.make_graph(
        name="main",
        nodes=[
            helper.make_node("Conv", ["x", "w", "b"], ["y"], name="conv", kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
            helper.make_node("Clip", ["y", "", "high"], ["h"], name="clip"),
            attributes_of_every_kind(),
        ],
        inputs=[helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 1, 4, 4])],
        outputs=[helper.make_tensor_value_info("z", TensorProto.FLOAT, [])],
        initializer=[
            numpy_helper.from_array((np.arange(18, dtype=np.float32) / 16).reshape(2, 1, 3, 3), "w"),
            numpy_helper.from_array(np.array([0.5, -0.5], np.float32), "b"),
            numpy_helper.from_array(np.array(1, np.float32), "high"),
            float_data, int64_data, int32_data,
        ],
        value_info=[helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 2, 4, 4])],
    )
    model = helper.make_model(
        graph, ir_version=8, producer_name="kuosan", producer_version="0.1.0",
        opset_imports=[helper.make_opsetid("", 18), helper.make_opsetid("test.kuosan", 1)],
    )
    helper.set_model_props(model, {"steps": "1000", "空": ""})
    return model


if len(sys.argv) > 1:
    onnx.checker.check_model(onnx.load(sys.argv[1]), full_check=True)
    print("checked")
else:
    model = build()
    onnx.checker.check_model(model)
    Path(__file__).with_suffix(".onnx").write_bytes(model.SerializeToString(deterministic=True))
    print(f"{len(model.graph.node)} nodes, checked")
