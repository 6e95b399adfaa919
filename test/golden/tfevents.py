"""A TensorBoard event file from TensorFlow's own message types: tfevents.bin; or what TensorBoard reads in a folder of ours.

    python test/golden/tfevents.py
    python test/golden/tfevents.py RUN

The test in src/formats/tfevents.test.ts states the same events in TypeScript and expects the same bytes. With a folder as
argument this prints as JSON what TensorBoard's EventAccumulator finds in its event files: scalars and images by tag.
"""

import json
import struct
import sys
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.compat.tensorflow_stub.pywrap_tensorflow import masked_crc32c

PNG = bytes([0x89, 0x50, 0x4E, 0x47])


def record(event):
    data = event.SerializeToString()
    length = struct.pack("<Q", len(data))
    return length + struct.pack("<I", masked_crc32c(length)) + data + struct.pack("<I", masked_crc32c(data))


if len(sys.argv) > 1:
    events = EventAccumulator(sys.argv[1], size_guidance={"scalars": 0, "images": 0})
    events.Reload()
    tags = events.Tags()
    print(json.dumps({
        "scalars": {tag: [[e.step, e.value] for e in events.Scalars(tag)] for tag in tags["scalars"]},
        "images": {tag: [[e.step, e.width, e.height, len(e.encoded_image_string)] for e in events.Images(tag)] for tag in tags["images"]},
    }))
else:
    scalar = Summary.Value(tag="loss", simple_value=0.25)
    naive = Summary.Value(tag="loss by noise/t 0–99", simple_value=-1.5)
    image = Summary.Value(tag="samples", image=Summary.Image(height=16, width=300, colorspace=3, encoded_image_string=PNG))
    Path(__file__).with_suffix(".bin").write_bytes(b"".join(map(record, [
        Event(wall_time=1700000000.25, file_version="brain.Event:2"),
        Event(wall_time=1700000001.5, step=301, session_log=SessionLog(status=SessionLog.START)),
        Event(wall_time=1700000002.0, step=301, summary=Summary(value=[scalar, naive])),
        Event(wall_time=1700000003.0, step=2**40, summary=Summary(value=[image])),
    ])))
