#!/usr/bin/env python3
"""modules.py --kernel FOLDER --modules NAMES OUT

Copies kernel modules, with all that they depend on, into the folder OUT; its file
"order" lists them as they have to be loaded.
"""
import argparse
from pathlib import Path

from initramfs import depends_of, in_order, plain


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--kernel", type=Path, required=True)
    parser.add_argument("--modules", required=True)
    options = parser.parse_args()

    paths = {plain(path.stem): path for path in options.kernel.rglob("*.ko")}

    def depends(name):
        if name not in paths:
            raise SystemExit(f"modules.py: the kernel has no module {name}")
        return depends_of(paths[name].read_bytes())

    order = in_order([plain(name) for name in options.modules.split(",")], depends)
    options.out.mkdir(parents=True, exist_ok=True)
    for name in order:
        (options.out / f"{name}.ko").write_bytes(paths[name].read_bytes())
    (options.out / "order").write_text("".join(f"{name}\n" for name in order))


if __name__ == "__main__":
    main()
