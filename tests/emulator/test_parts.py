"""What the emulated board is made of: the film, the initramfs, the wire, the ports."""
import socket
import struct
import subprocess
import sys
import unittest
from pathlib import Path

EMULATOR = Path(__file__).parents[2] / "emulator"
sys.path[:0] = [str(EMULATOR), str(EMULATOR / "machine")]

import film  # noqa: E402
import initramfs  # noqa: E402
import time_server  # noqa: E402
import wire  # noqa: E402

SPS, PPS, SEI, IDR, P = b"\x67s", b"\x68p", b"\x06e", b"\x65i", b"\x41p"


def annex_b(*units):
    return b"".join(b"\0\0\0\1" + unit for unit in units)


class FilmTest(unittest.TestCase):
    def test_headers_and_pictures_become_parts_of_their_own(self):
        stream = annex_b(SPS, PPS, SEI, IDR, P, P, SPS, PPS, IDR)
        kinds = [kind for kind, _ in film.parts(stream)]
        self.assertEqual(kinds, [film.HEADERS, film.KEYFRAME, 0, 0, film.HEADERS, film.KEYFRAME])
        self.assertEqual(film.parts(stream)[0][1], annex_b(SPS, PPS))

    def test_short_start_codes_are_taken(self):
        self.assertEqual(film.units(b"\0\0\1" + SPS + b"\0\0\1" + IDR), [SPS, IDR])

    def test_the_film_is_laid_out_as_the_driver_reads_it(self):
        data = film.film(annex_b(SPS, IDR), 1280, 720)
        self.assertEqual(data[:4], b"FILM")
        self.assertEqual(struct.unpack_from("<IIII", data, 4), (1280, 720, 6, film.HEADERS))
        self.assertEqual(len(data), 12 + 2 * 8 + 6 + 6)

    def test_a_stream_without_headers_is_refused(self):
        for stream in (b"", annex_b(IDR, P), annex_b(SPS), annex_b(SPS, b"\x62x", IDR)):
            with self.assertRaises(ValueError):
                film.film(stream, 1, 1)


class InitramfsTest(unittest.TestCase):
    def test_modules_come_after_what_they_need(self):
        needs = {"a": ["b", "c"], "b": ["c"], "c": [], "d": ["a"]}
        self.assertEqual(initramfs.in_order(["d", "b"], needs.__getitem__), ["c", "b", "a", "d"])

    def test_dependencies_are_read_from_the_module(self):
        self.assertEqual(initramfs.depends_of(b"x\0depends=mbcache,crc-16\0y"), ["mbcache", "crc_16"])
        self.assertEqual(initramfs.depends_of(b"x\0depends=\0y"), [])

    def test_cpio_reads_the_archive(self):
        archive = initramfs.Archive()
        archive.file("bin/tool", b"12345", 0o755)
        archive.file("bin/other", b"", 0o644)
        archive.link("bin/sh", "tool")
        with self.subTest("entries begin at multiples of four"):
            self.assertTrue(all(len(entry) % 4 == 0 for entry in archive._entries))
        names = [entry[110 : entry.index(b"\0", 110)] for entry in archive._entries]
        self.assertEqual(names, [b"bin", b"bin/tool", b"bin/other", b"bin/sh"])
        self.assertTrue(archive.bytes().rstrip(b"\0").endswith(b"TRAILER!!!"))


class TimeServerTest(unittest.TestCase):
    MACS = b"\x02" * 6 + b"\x04" * 6
    BOARD = bytes([10, 0, 2, 15])

    def setUp(self):
        self.server = time_server.TimeServer(1_900_000_000, clock=lambda: 5.0)

    def frame(self, sender, to, payload):
        return time_server.build(self.MACS, sender, to, 64, payload)

    def test_it_answers_with_its_time_and_the_askers_own_stamp(self):
        asked = bytes([0x23]) + bytes(39) + b"the mark"
        frame = self.frame((self.BOARD, 5000), (time_server.ADDRESS, 123), asked)
        answer = time_server.Datagram.read(self.server.answer(frame))
        self.assertEqual((answer.sender, answer.to), ((time_server.ADDRESS, 123), (self.BOARD, 5000)))
        self.assertEqual(answer.payload[0], 0x24)
        self.assertEqual(answer.payload[24:32], b"the mark")
        seconds = struct.unpack_from(">I", answer.payload, 40)[0]
        self.assertEqual(seconds - time_server.SINCE_1900, 1_900_000_000)

    def test_what_is_for_others_is_not_answered(self):
        asked = bytes(48)
        for frame in (
            self.frame((self.BOARD, 5000), (time_server.ADDRESS, 124), asked),
            self.frame((self.BOARD, 5000), (self.BOARD, 123), asked),
            self.frame((self.BOARD, 5000), (time_server.ADDRESS, 123), asked[:47]),
            b"",
            bytes(60),
        ):
            self.assertTrue(not self.server.is_asked(frame) or self.server.answer(frame) is None)

    def test_one_without_a_time_is_silent(self):
        silent = time_server.TimeServer()
        frame = self.frame((self.BOARD, 5000), (time_server.ADDRESS, 123), bytes(48))
        self.assertTrue(silent.is_asked(frame) and self.server.is_asked(frame))
        self.assertIsNone(silent.answer(frame))
        self.assertIsNotNone(self.server.answer(frame))
        offer = self.frame((self.BOARD, 67), (b"\xff" * 4, 68), bytes(236) + time_server.COOKIE + bytes([255]))
        self.assertEqual(silent.offered(offer), offer)

    def test_dhcp_names_it(self):
        message = bytes(236) + time_server.COOKIE + bytes([53, 1, 2, 0, 51, 4, 0, 0, 0, 9, 255, 0, 0])
        frame = self.frame((self.BOARD, 67), (b"\xff" * 4, 68), message)
        offered = time_server.Datagram.read(self.server.offered(frame)).payload
        self.assertEqual(offered[240:], bytes([53, 1, 2, 0, 51, 4, 0, 0, 0, 9, 42, 4, 192, 0, 2, 123, 255, 0, 0]))

    def test_what_is_no_dhcp_message_stays_as_it_is(self):
        for payload in (b"", bytes(300), bytes(236) + time_server.COOKIE + bytes([53, 200])):
            frame = self.frame((self.BOARD, 67), (b"\xff" * 4, 68), payload)
            self.assertEqual(self.server.offered(frame), frame)


class WireTest(unittest.TestCase):
    def test_frames_come_whole_however_they_are_cut(self):
        stream = wire.wire_frame(b"first") + wire.wire_frame(b"second")
        reader, found = wire.WireReader(), []
        for byte in stream:
            found += reader.feed(bytes([byte]))
        self.assertEqual(found, [b"first", b"second"])

    def test_an_impossible_length_is_an_error(self):
        with self.assertRaises(ValueError):
            wire.WireReader().feed(b"\xff\xff\xff\xff")


class PortsTest(unittest.TestCase):
    def ask(self, *words):
        program = [sys.executable, str(EMULATOR / "ports.py"), "127.0.0.1", *words]
        return subprocess.run(program, capture_output=True, text=True, timeout=20)

    def test_a_port_that_is_taken_is_named_on_tcp_and_on_udp(self):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            with socket.socket(socket.AF_INET, kind) as taken:
                taken.bind(("127.0.0.1", 0))
                if kind == socket.SOCK_STREAM:
                    taken.listen()
                port = str(taken.getsockname()[1])
                answer = self.ask(port)
                self.assertEqual(answer.returncode, 1)
                self.assertIn(port, answer.stdout)

    def test_a_free_port_is_free(self):
        port = self.ask().stdout.strip()
        self.assertEqual(self.ask(port).returncode, 0)

    def test_what_is_no_port_is_said(self):
        self.assertIn("no port", self.ask("70000").stdout)


if __name__ == "__main__":
    unittest.main()
