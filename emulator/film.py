#!/usr/bin/env python3
"""film.py IN.h264 WIDTH HEIGHT OUT: a film for the stand-in camera.

Reads Annex B with one slice per picture and writes what camera/film.c reads: SPS
and PPS in a part of their own, as the Pi's driver delivers them, then one part
for each picture.
"""
import re
import struct
import sys

HEADERS, KEYFRAME = 1, 2
SLICE, IDR, SEI, SPS, PPS, DELIMITER = 1, 5, 6, 7, 8, 9
START = re.compile(rb"\x00{2,}\x01")
LONG_START = b"\0\0\0\1"


def units(stream):
    """The NAL units, without start codes."""
    starts = [match.span() for match in START.finditer(stream)]
    ends = [start for start, _ in starts[1:]] + [len(stream)]
    return [stream[begin:end] for (_, begin), end in zip(starts, ends)]


def parts(stream):
    """(kind, bytes) of each buffer, in order."""
    headers, found = b"", []
    for unit in units(stream):
        kind = unit[0] & 31
        if kind in (SPS, PPS):
            headers += LONG_START + unit
        elif kind in (SLICE, IDR):
            if headers:
                found.append((HEADERS, headers))
                headers = b""
            found.append((KEYFRAME if kind == IDR else 0, LONG_START + unit))
        elif kind not in (SEI, DELIMITER):
            raise ValueError(f"a NAL unit of type {kind}")
    return found


def film(stream, width, height):
    found = parts(stream)
    if len(found) < 2 or found[0][0] != HEADERS:
        raise ValueError("the stream does not begin with SPS and PPS")
    body = b"".join(struct.pack("<II", len(data), kind) + data for kind, data in found)
    return b"FILM" + struct.pack("<II", width, height) + body


def main():
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    source, width, height, target = sys.argv[1:]
    with open(source, "rb") as file:
        data = film(file.read(), int(width), int(height))
    with open(target, "wb") as file:
        file.write(data)


if __name__ == "__main__":
    main()
