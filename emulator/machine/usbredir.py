"""The usbredir protocol, as far as one device needs it.

Every packet is a head of type, length and id (32 bits each, little-endian) and
its body; see usb-redirection-protocol.md in the usbredir project. No descriptor
and no clock here: bytes in, packets out.
"""
import struct

HELLO, CONNECT, RESET, INTERFACE_INFO, EP_INFO = 0, 1, 3, 4, 5
SET_CONFIGURATION, GET_CONFIGURATION, CONFIGURATION_STATUS = 6, 7, 8
SET_ALT_SETTING, GET_ALT_SETTING, ALT_SETTING_STATUS = 9, 10, 11
ALLOC_BULK_STREAMS, BULK_STREAMS_STATUS = 15, 17
CANCEL_DATA = 21
CONTROL, BULK = 100, 101

SUCCESS, CANCELLED, STALL = 0, 1, 4
HIGH_SPEED = 2

# Only "endpoint info with packet sizes": without the others, ids have 32 bits
# and a bulk transfer's length 16.
CAPABILITIES = 1 << 4

HEAD = struct.Struct("<III")
CONTROL_HEAD = struct.Struct("<BBBBHHH")
BULK_HEAD = struct.Struct("<BBHI")


def packet(kind, ident, body=b""):
    return HEAD.pack(kind, len(body), ident) + body


def hello(name):
    return packet(HELLO, 0, name.encode().ljust(64, b"\0") + struct.pack("<I", CAPABILITIES))


def control(ident, endpoint, request, kind, status, value, index, data=b"", length=None):
    length = len(data) if length is None else length
    head = CONTROL_HEAD.pack(endpoint, request, kind, status, value, index, length)
    return packet(CONTROL, ident, head + data)


def bulk(ident, endpoint, status, length, data=b""):
    return packet(BULK, ident, BULK_HEAD.pack(endpoint, status, length, 0) + data)


class Reader:
    """Cuts a stream of bytes into packets."""

    # No device of ours moves more at once; a longer length is garbage.
    LARGEST = 1 << 20

    def __init__(self):
        self._waiting = bytearray()

    def feed(self, data):
        """All packets that are complete now, as (kind, ident, body)."""
        self._waiting += data
        packets = []
        while len(self._waiting) >= HEAD.size:
            kind, length, ident = HEAD.unpack_from(self._waiting)
            if length > self.LARGEST:
                raise ValueError(f"a packet of {length} bytes")
            if len(self._waiting) < HEAD.size + length:
                break
            packets.append((kind, ident, bytes(self._waiting[HEAD.size : HEAD.size + length])))
            del self._waiting[: HEAD.size + length]
        return packets
