"""Counts what a password and an HTTPS connection cost the Zero's processor, in
instructions of the ARMv6 program under qemu-arm. Started by scripts/count --access."""

import argparse
import socket
import ssl
import subprocess
import tempfile
from pathlib import Path


def main():
    parser = argparse.ArgumentParser()
    for name in ("qemu", "program", "plugin"):
        parser.add_argument(f"--{name}", required=True)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mimamori-count-") as folder:
        program = Program(arguments, Path(folder))
        try:
            measure_passwords(program)
            measure_handshakes(program)
        finally:
            program.stop()


def measure_passwords(program):
    for command in ("hash", "verify"):
        program.ask(command)
        show(f"password, {command}", program.spent())


def measure_handshakes(program):
    port = int(program.ask("listen").split()[1])
    show("certificate made, and TLS set up", program.spent())
    kept = None
    for what, change in [
        ("first connection", None),
        ("ChaCha20, X25519", None),
        ("the same session again", "again"),
        ("ChaCha20, P-256", "prime256v1"),
    ]:
        session = kept if change == "again" else None
        kept, facts = connect(port, session, None if change == "again" else change)
        program.line()
        show(f"HTTPS, {what}: {facts}", program.spent())


def connect(port, session, curve):
    """One request as a browser sends it, by OpenSSL."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if session:
        context = session.context
    elif curve:
        context.set_ecdh_curve(curve)
    with socket.create_connection(("127.0.0.1", port), 60) as plain:
        with context.wrap_socket(plain, session=session and session.session) as tls:
            tls.sendall(b"GET / HTTP/1.1\r\nHost: mimamori.local\r\n\r\n")
            answer = b""
            while chunk := tls.recv(4096):
                answer += chunk
            if b" 204 " not in answer:
                raise SystemExit(f"scripts/count: {answer!r}")
            facts = f"{tls.version()}, {tls.cipher()[0]}" + (", resumed" if tls.session_reused else "")
            return Session(context, tls.session), facts


class Session:
    def __init__(self, context, session):
        self.context, self.session = context, session


class Program:
    def __init__(self, arguments, folder):
        table = folder / "map"
        # One range that holds nothing: all is counted as the rest.
        table.write_text("1 2\n")
        self.control, other = socket.socketpair()
        with other:
            self.process = subprocess.Popen(
                [arguments.qemu, "-cpu", "arm1176", "-plugin",
                 f"{arguments.plugin},map={table},control={other.fileno()}",
                 arguments.program, folder / "state"],
                pass_fds=[other.fileno()], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                text=True)
        self.answers = self.control.makefile("r")
        self.line()
        self.last = self.count()

    def line(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit("scripts/count: the program ended")
        return line.strip()

    def ask(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return self.line()

    def count(self):
        self.control.sendall(b"?")
        total = 0
        for line in self.answers:
            kind, *numbers = line.split()
            if kind == "end":
                return total
            if kind in ("range", "rest"):
                total += int(numbers[-1])
        raise SystemExit("scripts/count: the program ended")

    def spent(self):
        now = self.count()
        spent, self.last = now - self.last, now
        return spent

    def stop(self):
        self.process.kill()
        self.process.wait()


def show(what, instructions):
    print(f"{instructions / 1e6:10.1f} million  {what}", flush=True)


if __name__ == "__main__":
    main()
