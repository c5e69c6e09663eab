#!/usr/bin/env python3
"""initramfs.py --kernel FOLDER --modules NAMES OUT [SOURCE=TARGET ...]

An uncompressed initramfs: files, and the named modules of the kernel unpacked in
FOLDER with all that they depend on; lib/modules/order lists them as they have to
be loaded. A target that ends in .ko counts as a module, the last to be loaded.
"""
import argparse
import os
import re
import stat
from pathlib import Path

DEPENDS = re.compile(rb"\0depends=([^\0]*)\0")


def newc(name, mode, data, number, device=(0, 0)):
    """One entry of a cpio archive in the kernel's format."""
    path = name.encode() + b"\0"
    fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(path), 0)
    entry = b"070701" + b"".join(b"%08X" % field for field in fields) + path
    entry += bytes(-len(entry) % 4)
    return entry + data + bytes(-len(data) % 4)


class Archive:
    def __init__(self):
        self._entries = []
        self._folders = set()

    def folder(self, name):
        parts = name.strip("/").split("/")
        for depth in range(1, len(parts) + 1):
            path = "/".join(parts[:depth])
            if path and path not in self._folders:
                self._folders.add(path)
                self._add(path, stat.S_IFDIR | 0o755)

    def file(self, name, data, mode=0o644):
        self.folder(os.path.dirname(name))
        self._add(name, stat.S_IFREG | mode, data)

    def link(self, name, target):
        self.folder(os.path.dirname(name))
        self._add(name, stat.S_IFLNK | 0o777, target.encode())

    def device(self, name, major, minor):
        self.folder(os.path.dirname(name))
        self._add(name, stat.S_IFCHR | 0o600, device=(major, minor))

    def bytes(self):
        return b"".join(self._entries) + newc("TRAILER!!!", 0, b"", 0)

    def _add(self, name, mode, data=b"", device=(0, 0)):
        self._entries.append(newc(name, mode, data, len(self._entries) + 1, device))


def plain(name):
    return name.replace("-", "_")


def in_order(wanted, depends):
    """The modules and what they depend on, each after what it needs."""
    order = []

    def add(name):
        for other in depends(name):
            if other not in order:
                add(other)
        if name not in order:
            order.append(name)

    for name in wanted:
        add(name)
    return order


def depends_of(data):
    """What a module names in its .modinfo."""
    match = DEPENDS.search(data)
    names = match.group(1).decode() if match else ""
    return [plain(name) for name in names.split(",") if name]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out")
    parser.add_argument("--kernel", type=Path, required=True)
    parser.add_argument("--modules", required=True)
    parser.add_argument("files", nargs="*")
    options = parser.parse_args()

    paths = {plain(path.stem): path for path in options.kernel.rglob("*.ko")}
    wanted = [plain(name) for name in options.modules.split(",")]
    archive = Archive()
    for name in ("dev", "proc", "sys", "root"):
        archive.folder(name)
    archive.device("dev/console", 5, 1)
    for pair in options.files:
        source, target = pair.split("=", 1)
        if target.endswith(".ko"):
            own = plain(Path(target).stem)
            paths[own] = Path(source)
            wanted.append(own)
        else:
            mode = os.stat(source).st_mode & 0o777
            archive.file(target, Path(source).read_bytes(), mode)
    archive.link("bin/sh", "busybox")

    data = {}

    def depends(name):
        if name not in paths:
            raise SystemExit(f"initramfs.py: the kernel has no module {name}")
        data[name] = paths[name].read_bytes()
        return depends_of(data[name])

    order = in_order(wanted, depends)
    for name in order:
        archive.file(f"lib/modules/{name}.ko", data[name])
    archive.file("lib/modules/order", "".join(f"{name}\n" for name in order).encode())
    Path(options.out).write_bytes(archive.bytes())


if __name__ == "__main__":
    main()
