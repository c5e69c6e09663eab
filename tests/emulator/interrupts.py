#!/usr/bin/env python3
"""interrupts.py [MOMENT...]: ends scripts/emulate in the middle of each of its steps,
by Ctrl-C's signal and by others, and looks for what has stayed behind.

A moment is a line that scripts/emulate prints. Takes some minutes; MIMAMORI_ARM_BIN
has to be set.
"""
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MOMENTS = [
    ("== Debian packages", signal.SIGINT),
    ("== unpacking", signal.SIGTERM),
    ("== the stand-in camera", signal.SIGINT),
    ("== its film", signal.SIGINT),
    ("== the SD card", signal.SIGHUP),
    ("== booting", signal.SIGINT),
    ("emulator: modules are loaded", signal.SIGTERM),
    ("Open http://", signal.SIGINT),
    ("== system tests", signal.SIGINT),
    ("ok    picture: a camera that appears", signal.SIGTERM),
]
# Until the moment has come, and then until all has ended.
PATIENCE = 240
HASTE = 30


def relatives(mark):
    """Processes that carry the mark in their environment, by number."""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (path / "environ").read_bytes():
                found[int(path.name)] = (path / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
    return found


def interfaces():
    return sorted(os.listdir("/sys/class/net"))


def mounts():
    return Path("/proc/self/mounts").read_text()


def interrupt(moment, sign, folder):
    mark = f"INTERRUPTED={os.getpid()}.{time.monotonic_ns()}"
    name, value = mark.split("=")
    options = ["--check"] if "system tests" in moment or moment.startswith("ok ") else ["--listen", "127.0.0.1:18733"]
    before = (interfaces(), mounts())
    run = subprocess.Popen(
        ["scripts/emulate", *options],
        env={**os.environ, "TMPDIR": folder, name: value},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )
    watchdog = time.monotonic() + PATIENCE
    for line in run.stdout:
        if moment in line:
            break
        if time.monotonic() > watchdog:
            run.kill()
            return [f"'{moment}' did not come"]
    else:
        return [f"'{moment}' did not come, code {run.wait()}"]
    time.sleep(0.7)
    begin = time.monotonic()
    run.send_signal(sign)
    try:
        run.communicate(timeout=HASTE)
    except subprocess.TimeoutExpired:
        run.kill()
        return ["it has not ended"]
    faults = []
    took = time.monotonic() - begin
    if run.returncode != 128 + sign and run.returncode not in (130, 143):
        faults.append(f"code {run.returncode}")
    time.sleep(0.5)
    faults += [f"still runs: {what}" for what in relatives(mark).values()]
    faults += [f"still there: {what}" for what in os.listdir(folder)]
    if before != (interfaces(), mounts()):
        faults.append("network cards or mounts have changed")
    print(f"{'FAIL' if faults else 'ok  '}  {sign.name} at '{moment}': ended after {took:.1f} s", flush=True)
    return faults


def main():
    os.chdir(Path(__file__).parents[2])
    wanted = sys.argv[1:]
    # As at a terminal, whatever we were started from.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    bad = 0
    for moment, sign in MOMENTS:
        if wanted and not any(word in moment for word in wanted):
            continue
        with tempfile.TemporaryDirectory() as folder:
            faults = interrupt(moment, sign, folder)
        for fault in faults:
            print(f"      {moment}: {fault}", flush=True)
        bad += bool(faults)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
