#!/usr/bin/env python3
"""Starts QEMU with a network card plugged into its USB port.

    run.py [--time SECONDS] COMMAND...

--time: there is a time server, which says that so many seconds have passed since 1970.
In COMMAND, {usb} becomes the descriptor number for `-chardev socket,fd={usb}`,
and {wire} the one for `-netdev socket,fd={wire}`. Ends with QEMU, with its code;
QEMU ends with it, however it ends, and both end with the script that started them.
"""
import ctypes
import os
import selectors
import signal
import socket
import subprocess
import sys

from network_card import NetworkCard
from time_server import TimeServer
from wire import WireReader, wire_frame

PR_SET_PDEATHSIG = 1


class Link:
    """One end of a socket pair that is written without waiting for the other."""

    def __init__(self, selector, meet):
        self.ours, self.theirs = socket.socketpair()
        self.ours.setblocking(False)
        self._selector = selector
        self._waiting = bytearray()
        self._meet = meet
        selector.register(self.ours, selectors.EVENT_READ, self)

    def send(self, data):
        self._waiting += data
        self._flush()

    def _flush(self):
        try:
            while self._waiting:
                del self._waiting[: self.ours.send(self._waiting)]
        except BlockingIOError:
            pass
        writing = selectors.EVENT_WRITE if self._waiting else 0
        self._selector.modify(self.ours, selectors.EVENT_READ | writing, self)

    def serve(self, events):
        """False if the other end has gone."""
        if events & selectors.EVENT_WRITE:
            self._flush()
        if events & selectors.EVENT_READ:
            data = self.ours.recv(1 << 18)
            if not data:
                return False
            self._meet(data)
        return True


class Owner:
    """The script that we belong to; without it nobody would end QEMU."""

    def __init__(self, selector, end):
        self._selector = selector
        self._end = end
        self._gone = os.pidfd_open(script_above())
        selector.register(self._gone, selectors.EVENT_READ, self)

    def serve(self, _events):
        self._selector.unregister(self._gone)
        self._end()
        return True


def script_above():
    """A shell runs its functions in copies of itself, which outlive a killed one."""
    pid = os.getppid()
    while (above := parent_of(pid)) and command_of(above) == command_of(pid):
        pid = above
    return pid


def parent_of(pid):
    with open(f"/proc/{pid}/stat") as stat:
        return int(stat.read().rpartition(")")[2].split()[1])


def command_of(pid):
    with open(f"/proc/{pid}/cmdline", "rb") as command:
        return command.read()


def main():
    command = sys.argv[1:]
    server = TimeServer()
    if len(command) > 1 and command[0] == "--time" and command[1].isdecimal():
        server = TimeServer(int(command[1]))
        command = command[2:]
    if not command or command[0].startswith("-"):
        sys.exit(__doc__)
    selector = selectors.DefaultSelector()
    reader = WireReader()
    usb = Link(selector, lambda data: card.from_usb(data))
    wire = Link(selector, lambda data: [from_wire(frame) for frame in reader.feed(data)])
    qemu = start(command, usb, wire)
    signal.signal(signal.SIGTERM, lambda *_: qemu.terminate())
    Owner(selector, qemu.terminate)
    # A terminal's Ctrl-C is for the script above, which ends us in order.
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def from_wire(frame):
        card.from_wire(server.offered(frame))

    def from_card(frame):
        if not server.is_asked(frame):
            wire.send(wire_frame(frame))
        elif answer := server.answer(frame):
            card.from_wire(answer)

    card = NetworkCard(usb.send, from_card)
    try:
        bridge(selector)
    except (BrokenPipeError, ConnectionResetError):
        pass
    finally:
        code = qemu.wait()
    sys.exit(code if code >= 0 else 128 - code)


def start(command, usb, wire):
    numbers = {"{usb}": usb.theirs.fileno(), "{wire}": wire.theirs.fileno()}
    for name, number in numbers.items():
        command = [word.replace(name, str(number)) for word in command]
    libc = ctypes.CDLL(None)

    def end_with_parent():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)

    try:
        qemu = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            pass_fds=tuple(numbers.values()),
            preexec_fn=end_with_parent,
        )
    except OSError as error:
        sys.exit(f"{command[0]}: {error.strerror}")
    usb.theirs.close()
    wire.theirs.close()
    return qemu


def bridge(selector):
    while True:
        for key, events in selector.select():
            if not key.data.serve(events):
                return


if __name__ == "__main__":
    main()
