"""What TensorBoard's event files hold."""

import io
import pathlib
import struct

from tensorboardX.proto.event_pb2 import Event


def read_events(directory: pathlib.Path) -> dict[tuple[str, int], float]:
    """(tag, step) -> value in the only event file of `directory` (records: length, CRC, event, CRC)."""
    [file] = directory.glob("events.out.tfevents.*")
    stream, values = io.BytesIO(file.read_bytes()), {}
    while header := stream.read(12):
        event = Event.FromString(stream.read(struct.unpack("<Q", header[:8])[0]))
        stream.read(4)
        values |= {(value.tag, event.step): value.simple_value for value in event.summary.value}
    return values
