"""QEMU never outlives what started it. A `sleep` stands in for it."""

import os
import signal
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

RUN = Path(__file__).parents[2] / "emulator/machine/run.py"


class MachineEnds(unittest.TestCase):
    def test_with_the_script_that_is_killed(self):
        """In a function in the background, as scripts/emulate starts it."""
        self.check("machine() { %s; true; }; machine & wait")

    def test_with_the_script_that_starts_it_directly(self):
        self.check("%s & wait")

    def check(self, script):
        with tempfile.TemporaryDirectory() as folder:
            note = Path(folder, "pid")
            machine = f"{RUN} sh -c 'echo $$ >{note}.new; mv {note}.new {note}; exec sleep 60'"
            owner = subprocess.Popen(["bash", "-c", script % machine], start_new_session=True)
            try:
                wait_for(note.exists)
                qemu = int(note.read_text())
                self.assertTrue(runs(qemu))
                owner.kill()
                owner.wait()
                wait_for(lambda: not runs(qemu))
            finally:
                end_session(owner.pid)


def runs(pid):
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_for(condition):
    end = time.monotonic() + 10
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("not within ten seconds")
        time.sleep(0.02)


def end_session(group):
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        pass


if __name__ == "__main__":
    unittest.main()
