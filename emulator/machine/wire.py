"""Ethernet frames as QEMU's `-netdev socket` has them: each after its length."""
import struct

LENGTH = struct.Struct(">I")
LARGEST = 1 << 16


def wire_frame(frame):
    return LENGTH.pack(len(frame)) + frame


class WireReader:
    """Cuts a stream of bytes into frames."""

    def __init__(self):
        self._waiting = bytearray()

    def feed(self, data):
        self._waiting += data
        frames = []
        while len(self._waiting) >= LENGTH.size:
            (length,) = LENGTH.unpack_from(self._waiting)
            if length > LARGEST:
                raise ValueError(f"a frame of {length} bytes")
            if len(self._waiting) < LENGTH.size + length:
                break
            frames.append(bytes(self._waiting[LENGTH.size : LENGTH.size + length]))
            del self._waiting[: LENGTH.size + length]
        return frames
