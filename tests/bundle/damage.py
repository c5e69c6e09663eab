#!/usr/bin/env python3
"""Damaged copies of an update bundle, in the same places for the same seed.

    damage.py BUNDLE CERTIFICATE FOLDER SEED COUNT

writes COUNT copies with one bit flipped (flip-PART-OFFSET.BIT) and COUNT cut off (cut-LENGTH).

A flip is made only where it says something else to the reader: in the description, in the
signature, in the image, and in those fields of the archive's heads that are read (cpio,
"newc" with sums: magic number, sizes, sums, names). Owners, times and the filling between
the members are read by nobody. Where a flip would be found by the archive's own sum, which
anybody can make right, it is made right: the signature has to find it. The cuts go as far as
the name of the last head.

A CMS signature says some things twice or in a free spelling (its version, the kind of the
contents, capital letters in the signer's name): what openssl still takes for the signature of
this description by CERTIFICATE is written as same-OFFSET.BIT, beside the COUNT damaged ones.
"""

import pathlib
import random
import string
import subprocess
import sys
import tempfile

HEAD = 110
# Fields of a head that SWUpdate reads, by offset.
MAGIC, SIZE, NAME_SIZE, SUM = (0, 6), (54, 62), (94, 102), (102, 110)


def members(bundle):
    """Name, start of the head, start and end of the contents."""
    at = 0
    while True:
        size = int(bundle[at + SIZE[0] : at + SIZE[1]], 16)
        name_size = int(bundle[at + NAME_SIZE[0] : at + NAME_SIZE[1]], 16)
        name = bundle[at + HEAD : at + HEAD + name_size - 1].decode()
        begin = (at + HEAD + name_size + 3) & ~3
        yield name, at, begin, begin + size
        if name == "TRAILER!!!":
            return
        at = (begin + size + 3) & ~3


# By the members' names: what they are, and which numbers of their heads are read. The
# image has its hash instead of a sum, and behind the last name there is only filling.
PARTS = {
    "sw-description": ("description", [SIZE, NAME_SIZE, SUM]),
    "sw-description.sig": ("signature", [SIZE, NAME_SIZE, SUM]),
    "rootfs.squashfs": ("image", [SIZE, NAME_SIZE]),
    "TRAILER!!!": (None, []),
}


def places(bundle):
    """For each part of the bundle what may be flipped: the offset, the field that it belongs to."""
    parts = {"head": [], "description": [], "signature": [], "image": []}
    for name, at, begin, end in members(bundle):
        part, numbers = PARTS[name]
        for field in [MAGIC, *numbers, (HEAD, HEAD + len(name) + 1)]:
            first, past = at + field[0], at + field[1]
            parts["head"] += [(each, (first, past), field in numbers) for each in range(first, past)]
        if part:
            parts[part] += [(each, (at, begin, end), False) for each in range(begin, end)]
    return parts


def as_read(number):
    """As SWUpdate takes a number: small letters or large ones, spaces in front, as far as it goes."""
    value, digits = 0, number.lstrip(b" ").split(b"\0")[0]
    for digit in digits:
        value <<= 4
        if chr(digit) not in string.hexdigits:
            break
        value += int(chr(digit), 16)
    return value


def flips(bundle, random, count, certificate):
    parts = places(bundle)
    number, done = 0, set()
    while number < count:
        part = list(parts)[number % len(parts)]
        at, field, is_number = random.choice(parts[part])
        bit = random.randrange(8)
        if (at, bit) in done:
            continue
        done.add((at, bit))
        flipped = bytearray(bundle)
        flipped[at] ^= 1 << bit
        if is_number and as_read(flipped[slice(*field)]) == as_read(bundle[slice(*field)]):
            continue
        if part in ("description", "signature"):
            make_sum_right(flipped, *field)
        if part == "signature" and is_signed(flipped, certificate):
            yield f"same-{at}.{bit}", flipped
            continue
        number += 1
        yield f"flip-{part}-{at}.{bit}", flipped


def is_signed(bundle, certificate):
    (description, signature, *_) = (bundle[begin:end] for _, _, begin, end in members(bundle))
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        (work / "description").write_bytes(description)
        (work / "signature").write_bytes(signature)
        check = ["openssl", "cms", "-verify", "-binary", "-inform", "DER", "-purpose", "any", "-out", "/dev/null"]
        check += ["-CAfile", certificate, "-in", work / "signature", "-content", work / "description"]
        return subprocess.run(check, stderr=subprocess.DEVNULL).returncode == 0


def make_sum_right(bundle, head, begin, end):
    total = sum(bundle[begin:end]) & 0xFFFFFFFF
    bundle[head + SUM[0] : head + SUM[1]] = b"%08X" % total


def cuts(bundle, random, count):
    *_, (name, at, _, _) = members(bundle)
    for length in random.sample(range(at + HEAD + len(name)), count):
        yield f"cut-{length}", bundle[:length]


def main():
    bundle, certificate, folder, seed, count = sys.argv[1:]
    bundle, folder, count = pathlib.Path(bundle).read_bytes(), pathlib.Path(folder), int(count)
    chance = random.Random(int(seed))
    assert is_signed(bundle, certificate)
    for name, contents in [*flips(bundle, chance, count, certificate), *cuts(bundle, chance, count)]:
        (folder / name).write_bytes(contents)


main()
