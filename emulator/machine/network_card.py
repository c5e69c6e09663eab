"""A high-speed USB network card (CDC Ethernet), as a machine without descriptors.

QEMU's own `usb-net` is a full-speed device and carries at most 0.9 Mbit/s; this
one is plugged in through usbredir and carries ten times as much.
"""
import struct
from collections import deque

import usbredir as redir

PACKET = 512  # of a bulk endpoint at high speed
BULK_IN, BULK_OUT = 0x81, 0x02
# What waits for the guest; as with real cards, more is dropped.
LONGEST_QUEUE = 512
SHORTEST_FRAME = 14

GET_STATUS, GET_DESCRIPTOR = 0, 6
DEVICE, CONFIGURATION, STRING = 1, 2, 3
VENDOR, PRODUCT = 0x1D6B, 0x0104  # Linux Foundation, multifunction gadget


def text_descriptor(text):
    data = text.encode("utf-16le")
    return bytes([len(data) + 2, STRING]) + data


def configuration():
    functional = bytes([5, 0x24, 0x00, 0x10, 0x01])  # CDC 1.10
    functional += bytes([5, 0x24, 0x06, 0, 1])  # union of both interfaces
    functional += bytes([13, 0x24, 0x0F, 3, 0, 0, 0, 0]) + struct.pack("<HHB", 1514, 0, 0)
    control = bytes([9, 4, 0, 0, 0, 2, 6, 0, 0]) + functional
    data = bytes([9, 4, 1, 0, 2, 10, 0, 0, 0])
    data += struct.pack("<BBBBHB", 7, 5, BULK_IN, 2, PACKET, 0)
    data += struct.pack("<BBBBHB", 7, 5, BULK_OUT, 2, PACKET, 0)
    body = control + data
    return struct.pack("<BBHBBBBB", 9, CONFIGURATION, 9 + len(body), 2, 1, 0, 0xC0, 50) + body


class NetworkCard:
    """`to_usb` takes bytes for QEMU's usb-redir, `to_wire` Ethernet frames."""

    def __init__(self, to_usb, to_wire, mac="02005E000102"):
        self._to_usb = to_usb
        self._to_wire = to_wire
        self._reader = redir.Reader()
        self._strings = {
            0: bytes([4, STRING, 9, 4]),  # English
            1: text_descriptor("mimamori"),
            2: text_descriptor("emulated network card"),
            3: text_descriptor(mac),
        }
        self._asked = deque()  # (id, length) of the guest's open reads
        self._queue = deque()
        self._out = bytearray()
        self.dropped = 0
        to_usb(redir.hello("mimamori"))

    def from_usb(self, data):
        for kind, ident, body in self._reader.feed(data):
            self._meet(kind, ident, body)

    def from_wire(self, frame):
        if len(self._queue) >= LONGEST_QUEUE:
            self.dropped += 1
            return
        # A frame ends with a short packet, so it must not fill the last one.
        self._queue.append(frame if len(frame) % PACKET else frame + b"\0")
        self._serve_reads()

    def _meet(self, kind, ident, body):
        if kind == redir.HELLO:
            self._announce()
        elif kind == redir.RESET:
            self._reset()
        elif kind == redir.SET_CONFIGURATION:
            self._reply(redir.CONFIGURATION_STATUS, ident, bytes([redir.SUCCESS, body[0]]))
        elif kind == redir.GET_CONFIGURATION:
            self._reply(redir.CONFIGURATION_STATUS, ident, bytes([redir.SUCCESS, 1]))
        elif kind == redir.SET_ALT_SETTING:
            self._reply(redir.ALT_SETTING_STATUS, ident, bytes([redir.SUCCESS, body[0], body[1]]))
        elif kind == redir.GET_ALT_SETTING:
            self._reply(redir.ALT_SETTING_STATUS, ident, bytes([redir.SUCCESS, body[0], 0]))
        elif kind == redir.ALLOC_BULK_STREAMS:
            self._reply(redir.BULK_STREAMS_STATUS, ident, bytes([redir.SUCCESS, body[0]]))
        elif kind == redir.CANCEL_DATA:
            self._cancel(ident)
        elif kind == redir.CONTROL:
            self._control(ident, body)
        elif kind == redir.BULK:
            self._bulk(ident, body)

    def _reply(self, kind, ident, body):
        self._to_usb(redir.packet(kind, ident, body))

    def _announce(self):
        """Endpoints 0 to 15 out, then in; the guest finds the same by itself."""
        kinds, packets = [255] * 32, [0] * 32
        interfaces = [0] * 32
        kinds[0] = kinds[16] = 0
        packets[0] = packets[16] = 64
        for endpoint in (BULK_OUT, 16 + (BULK_IN & 15)):
            kinds[endpoint], packets[endpoint], interfaces[endpoint] = 2, PACKET, 1
        ends = bytes(kinds) + bytes(32) + bytes(interfaces) + struct.pack("<32H", *packets)
        self._reply(redir.EP_INFO, 0, ends)
        count, unused = struct.pack("<I", 2), bytes(30)
        classes = bytes([2, 10]) + unused + bytes([6, 0]) + unused + bytes(32)
        self._reply(redir.INTERFACE_INFO, 0, count + bytes([0, 1]) + unused + classes)
        plug = struct.pack("<BBBBHH", redir.HIGH_SPEED, 2, 0, 0, VENDOR, PRODUCT)
        self._reply(redir.CONNECT, 0, plug)

    def _reset(self):
        """The guest starts anew: what was under way is meant for nobody."""
        self._asked.clear()
        self._queue.clear()
        self._out.clear()

    def _cancel(self, ident):
        before = len(self._asked)
        self._asked = deque(read for read in self._asked if read[0] != ident)
        if len(self._asked) != before:
            self._to_usb(redir.bulk(ident, BULK_IN, redir.CANCELLED, 0))

    def _control(self, ident, body):
        endpoint, request, kind, _, value, index, length = redir.CONTROL_HEAD.unpack_from(body)
        echo = (ident, endpoint, request, kind)
        if not kind & 0x80:
            # Packet filters and the like: taken, and of no effect.
            self._to_usb(redir.control(*echo, redir.SUCCESS, value, index, length=length))
            return
        data = self._answer(request, kind, value)
        if data is None:
            self._to_usb(redir.control(*echo, redir.STALL, value, index))
        else:
            self._to_usb(redir.control(*echo, redir.SUCCESS, value, index, data[:length]))

    def _answer(self, request, kind, value):
        if kind == 0x80 and request == GET_STATUS:
            return b"\0\0"
        if kind != 0x80 or request != GET_DESCRIPTOR:
            return None
        which, number = value >> 8, value & 0xFF
        if which == DEVICE:
            ids = (VENDOR, PRODUCT, 0x100, 1, 2, 3, 1)
            return struct.pack("<BBHBBBBHHHBBBB", 18, DEVICE, 0x200, 2, 0, 0, 64, *ids)
        if which == CONFIGURATION:
            return configuration()
        return self._strings.get(number) if which == STRING else None

    def _bulk(self, ident, body):
        endpoint, _, length, _ = redir.BULK_HEAD.unpack_from(body)
        if endpoint == BULK_IN:
            self._asked.append((ident, length))
            self._serve_reads()
            return
        data = body[redir.BULK_HEAD.size :]
        self._out += data
        # A short packet ends the Ethernet frame.
        if len(data) % PACKET or not data:
            if len(self._out) >= SHORTEST_FRAME:
                self._to_wire(bytes(self._out))
            self._out.clear()
        self._to_usb(redir.bulk(ident, endpoint, redir.SUCCESS, length))

    def _serve_reads(self):
        """The guest's controller asks for one packet at a time."""
        while self._asked and self._queue:
            ident, length = self._asked.popleft()
            part, rest = self._queue[0][:length], self._queue[0][length:]
            if rest:
                self._queue[0] = rest
            else:
                self._queue.popleft()
            self._to_usb(redir.bulk(ident, BULK_IN, redir.SUCCESS, len(part), part))
