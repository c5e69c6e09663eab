"""A time server on the emulated board's wire (NTP, RFC 5905), which DHCP names as well.

It sees the frames between the card and the network, answers those that are for it, and
writes itself into the answers of the network's own DHCP server (option 42, RFC 2132).
"""
import struct
import time

# For documentation (RFC 5737): nobody else has it, and it is reached by the gateway.
ADDRESS = bytes([192, 0, 2, 123])
NTP_PORT, DHCP_SERVER, DHCP_CLIENT = 123, 67, 68
SINCE_1900 = 2_208_988_800

ETHERNET, IPV4, UDP = 14, 0x0800, 17
COOKIE = b"\x63\x82\x53\x63"
# Of a DHCP message: where the cookie is (RFC 2131).
COOKIE_AT = 236
TIME_SERVERS, END = 42, 255


class TimeServer:
    """`now`: what it says, in seconds since 1970, from now on; None: it is silent."""

    def __init__(self, now=None, clock=time.monotonic):
        self._clock = clock
        self._offset = None if now is None else now - clock()

    def is_asked(self, frame):
        datagram = Datagram.read(frame)
        return datagram is not None and datagram.to == (ADDRESS, NTP_PORT)

    def answer(self, frame):
        """The answer's frame, or None."""
        datagram = Datagram.read(frame)
        if self._offset is None or len(datagram.payload) < 48:
            return None
        return datagram.answered(self._message(datagram.payload))

    def offered(self, frame):
        """The frame, with us in it if it is a DHCP server's."""
        datagram = Datagram.read(frame)
        if self._offset is None or datagram is None or (datagram.sender[1], datagram.to[1]) != (DHCP_SERVER, DHCP_CLIENT):
            return frame
        payload = with_time_server(datagram.payload)
        return frame if payload is None else datagram.with_payload(payload)

    def _message(self, asked):
        seconds = self._clock() + self._offset + SINCE_1900
        stamp = struct.pack(">II", int(seconds) & 0xFFFFFFFF, int(seconds % 1 * (1 << 32)))
        version = asked[0] & 0x38
        # Server, stratum 1, poll as asked, precision 2^-20 s, no delay to speak of.
        head = struct.pack(">BBBbII4s", version | 4, 1, asked[2], -20, 0, 0, b"TEST")
        return head + stamp + asked[40:48] + stamp + stamp


class Datagram:
    """A UDP datagram over IPv4, in its Ethernet frame."""

    @staticmethod
    def read(frame):
        if len(frame) < ETHERNET + 28 or struct.unpack_from(">H", frame, 12) != (IPV4,):
            return None
        header = (frame[ETHERNET] & 15) * 4
        total = struct.unpack_from(">H", frame, ETHERNET + 2)[0]
        fragment = struct.unpack_from(">H", frame, ETHERNET + 6)[0] & 0x3FFF
        if frame[ETHERNET + 9] != UDP or header < 20 or fragment or ETHERNET + total > len(frame) or total < header + 8:
            return None
        return Datagram(frame, header, total)

    def __init__(self, frame, header, total):
        self._macs = frame[:12]
        self._life = frame[ETHERNET + 8]
        ports = struct.unpack_from(">HH", frame, ETHERNET + header)
        self.sender = (frame[ETHERNET + 12 : ETHERNET + 16], ports[0])
        self.to = (frame[ETHERNET + 16 : ETHERNET + 20], ports[1])
        self.payload = frame[ETHERNET + header + 8 : ETHERNET + total]

    def answered(self, payload):
        return build(self._macs[6:] + self._macs[:6], self.to, self.sender, 64, payload)

    def with_payload(self, payload):
        return build(self._macs, self.sender, self.to, self._life, payload)


def build(macs, sender, to, life, payload):
    # Without a sum of its own, which UDP over IPv4 may leave out (RFC 768).
    body = struct.pack(">HHHH", sender[1], to[1], 8 + len(payload), 0) + payload
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(body), 0, 0, life, UDP, 0, sender[0], to[0])
    head = head[:10] + struct.pack(">H", checksum(head)) + head[12:]
    return macs + struct.pack(">H", IPV4) + head + body


def checksum(data):
    """RFC 1071."""
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def with_time_server(message):
    """The DHCP message with option 42 before its end, or None if it is none."""
    if message[COOKIE_AT : COOKIE_AT + 4] != COOKIE:
        return None
    at = COOKIE_AT + 4
    while at < len(message) and message[at] != END:
        # An option of no value has no length either: the filling, 0.
        at += 1 if message[at] == 0 else 2 + (message[at + 1] if at + 1 < len(message) else 0)
    if at >= len(message):
        return None
    return message[:at] + bytes([TIME_SERVERS, len(ADDRESS)]) + ADDRESS + message[at:]
