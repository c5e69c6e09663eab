"""The emulated network card, as a guest's USB host sees it."""
import struct
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "emulator/machine"))

import usbredir as redir  # noqa: E402
from network_card import BULK_IN, BULK_OUT, LONGEST_QUEUE, PACKET, NetworkCard  # noqa: E402


class Guest:
    """The other end of the card's usb-redir connection."""

    def __init__(self):
        self.heard = bytearray()
        self.frames = []
        self.card = NetworkCard(self.heard.extend, self.frames.append)
        self._reader = redir.Reader()
        self.packets()

    def packets(self):
        data, self.heard[:] = bytes(self.heard), b""
        return self._reader.feed(data)

    def say(self, kind, ident=0, body=b""):
        self.card.from_usb(redir.packet(kind, ident, body))
        return self.packets()

    def read(self, ident, length=PACKET):
        self.card.from_usb(redir.bulk(ident, BULK_IN, 0, length))

    def write(self, ident, data):
        self.card.from_usb(redir.bulk(ident, BULK_OUT, 0, len(data), data))

    def ask(self, request, value, length=255, kind=0x80):
        self.card.from_usb(redir.control(7, 0x80, request, kind, 0, value, 0, length=length))
        ((answer, ident, body),) = self.packets()
        assert (answer, ident) == (redir.CONTROL, 7)
        _, _, _, status, _, _, size = redir.CONTROL_HEAD.unpack_from(body)
        data = body[redir.CONTROL_HEAD.size :]
        assert len(data) == size
        return status, data


def bulk_parts(packets):
    parts = []
    for kind, ident, body in packets:
        assert kind == redir.BULK
        endpoint, status, length, _ = redir.BULK_HEAD.unpack_from(body)
        parts.append((ident, endpoint, status, length, body[redir.BULK_HEAD.size :]))
    return parts


class NetworkCardTest(unittest.TestCase):
    def test_a_guest_that_says_hello_is_told_of_a_high_speed_device(self):
        packets = Guest().say(redir.HELLO)
        self.assertEqual([kind for kind, _, _ in packets], [redir.EP_INFO, redir.INTERFACE_INFO, redir.CONNECT])
        ends = packets[0][2]
        self.assertEqual((ends[2], ends[17]), (2, 2), "both bulk")
        self.assertEqual(struct.unpack_from("<32H", ends, 96)[17], PACKET)
        self.assertEqual(packets[2][2][0], redir.HIGH_SPEED)

    def test_descriptors_have_the_lengths_that_they_name(self):
        guest = Guest()
        status, device = guest.ask(6, 0x0100)
        self.assertEqual((status, device[0], len(device)), (redir.SUCCESS, 18, 18))
        status, configuration = guest.ask(6, 0x0200)
        self.assertEqual(struct.unpack_from("<H", configuration, 2)[0], len(configuration))
        at = 0
        while at < len(configuration):
            self.assertGreater(configuration[at], 1)
            at += configuration[at]
        self.assertEqual(at, len(configuration))
        self.assertEqual(len(guest.ask(6, 0x0200, length=9)[1]), 9)

    def test_the_address_is_twelve_hexadecimal_digits(self):
        _, text = Guest().ask(6, 0x0303)
        self.assertEqual(len(bytes.fromhex(text[2:].decode("utf-16le"))), 6)

    def test_what_it_does_not_know_is_stalled(self):
        self.assertEqual(Guest().ask(6, 0x0F00)[0], redir.STALL)
        self.assertEqual(Guest().ask(99, 0)[0], redir.STALL)

    def test_frames_of_several_packets_are_put_together(self):
        for size in (60, 511, 512, 513, 1024, 1514):
            guest, frame = Guest(), bytes(range(256)) * 6
            frame = frame[:size]
            for at in range(0, size + 1, PACKET):
                guest.write(at, frame[at : at + PACKET])
            self.assertEqual(guest.frames, [frame])
            self.assertEqual([part[2:4] for part in bulk_parts(guest.packets())][-1], (redir.SUCCESS, size % PACKET))

    def test_a_frame_for_the_guest_ends_with_a_short_packet(self):
        for size in (60, 512, 1024, 1514):
            guest, frame = Guest(), bytes(size)
            guest.card.from_wire(frame)
            for ident in range(4):
                guest.read(ident)
            parts = bulk_parts(guest.packets())
            data = b"".join(part[4] for part in parts)
            self.assertEqual(data[:size], frame)
            self.assertLess(len(parts[-1][4]), PACKET)
            self.assertLessEqual(len(data), size + 1)

    def test_a_read_waits_for_a_frame_unless_it_is_cancelled(self):
        guest = Guest()
        guest.read(1)
        guest.read(2)
        self.assertEqual(guest.packets(), [])
        ((ident, _, status, _, _),) = bulk_parts(guest.say(redir.CANCEL_DATA, 1))
        self.assertEqual((ident, status), (1, redir.CANCELLED))
        self.assertEqual(guest.say(redir.CANCEL_DATA, 9), [])
        guest.card.from_wire(bytes(60))
        self.assertEqual([part[0] for part in bulk_parts(guest.packets())], [2])

    def test_a_guest_that_does_not_read_costs_frames_not_memory(self):
        guest = Guest()
        for _ in range(LONGEST_QUEUE + 10):
            guest.card.from_wire(bytes(60))
        self.assertEqual(guest.card.dropped, 10)

    def test_a_reset_forgets_what_was_under_way(self):
        guest = Guest()
        guest.card.from_wire(bytes(60))
        guest.write(1, bytes(PACKET))
        guest.packets()
        guest.say(redir.RESET)
        guest.read(2)
        self.assertEqual(guest.packets(), [])
        guest.write(3, bytes(60))
        self.assertEqual(guest.frames, [bytes(60)])


class ReaderTest(unittest.TestCase):
    def test_packets_come_whole_however_they_are_cut(self):
        stream = redir.packet(1, 2, b"abc") + redir.packet(3, 4)
        reader, found = redir.Reader(), []
        for byte in stream:
            found += reader.feed(bytes([byte]))
        self.assertEqual(found, [(1, 2, b"abc"), (3, 4, b"")])

    def test_an_impossible_length_is_an_error(self):
        with self.assertRaises(ValueError):
            redir.Reader().feed(struct.pack("<III", 1, 1 << 30, 0))


if __name__ == "__main__":
    unittest.main()
