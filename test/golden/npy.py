"""Arrays as NumPy saves them, and as it can be made to save them: npy.json.

    python test/golden/npy.py

The test in src/formats/npy.test.ts reads every file and, where `written` is true, expects its writer to give the same bytes.
"""

import base64
import io
import json
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

ramp = np.arange(24).reshape(2, 3, 4)
ARRAYS = {
    "f32": (ramp.astype("<f4") / 8 - 1, True),
    "f16": (np.array([1.0, -2.5, 65504.0, 6e-8], dtype="<f2"), True),
    "i32": (np.array([[1, -2, 2**31 - 1]], dtype="<i4"), True),
    "i64": (np.array([0, -1, 2**62], dtype="<i8"), True),
    "bool": (np.array([[True], [False]]), True),
    "scalar": (np.array(0.1, dtype="<f4"), True),
    "empty": (np.zeros((0, 4), dtype="<f4"), True),
    "f64": (ramp.astype("<f8") / 8 - 1, False),
    "big-endian f32": (ramp.astype(">f4") / 8 - 1, False),
    "big-endian i64": (np.array([1, -2], dtype=">i8"), False),
    "big-endian f16": (np.array([1.0, -2.5], dtype=">f2"), False),
    "fortran": (np.asfortranarray(ramp.astype("<f4")), False),
    "fortran big-endian i32": (np.asfortranarray(ramp[0].astype(">i4")), False),
    "i8": (np.array([1, -128], dtype="i1"), False),
    "u8": (np.array([0, 255], dtype="u1"), False),
    "i16": (np.array([1, -2], dtype="<i2"), False),
    "u16": (np.array([1, 65535], dtype="<u2"), False),
    "u32": (np.array([1, 2**32 - 1], dtype="<u4"), False),
    "version 2": (ramp[0].astype("<f4"), False),
    "version 3": (ramp[0].astype("<f4"), False),
    "refused: complex": (np.array([1j]), False),
    "refused: text": (np.array(["abc"]), False),
    "refused: bytes": (np.array([b"abc"]), False),
    "refused: uint64": (np.array([1], dtype="<u8"), False),
    "refused: date": (np.array(["2020-01-01"], dtype="datetime64[D]"), False),
    "refused: object": (np.array([{}], dtype=object), False),
    "refused: record": (np.array([(1, 2.0)], dtype=[("a", "<i4"), ("b", "<f4")]), False),
}

cases = []
for name, (array, written) in ARRAYS.items():
    file = io.BytesIO()
    version = {"version 2": (2, 0), "version 3": (3, 0)}.get(name)
    npy.write_array(file, array, version=version, allow_pickle=True)
    # The values as text, in row-major order: JSON's numbers would lose the last bits of int64.
    values = None if name.startswith("refused") else [str(v) for v in array.astype(array.dtype.newbyteorder("=")).flatten(order="C").tolist()]
    cases.append({"name": name, "file": base64.b64encode(file.getvalue()).decode(), "shape": list(array.shape), "values": values, "written": written})

Path(__file__).with_suffix(".json").write_text(json.dumps(cases, indent=1) + "\n")
