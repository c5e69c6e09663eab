"""Runs the ARMv6 program under a counting qemu-arm while viewers watch it, and prints
what it costs. Started by scripts/count, which builds what it needs."""

import argparse
import re
import socket
import subprocess
import tempfile
import time
from pathlib import Path

# Guest memory lies here in the emulator's address space, so that it can be told apart.
GUEST_BASE, GUEST_SIZE = 1 << 44, 1 << 32
START_LIMIT = 60
# After a join: the GOP that is sent first, and the search for the bitrate.
SETTLE = 6

# Whose instructions a function's are; the first pattern that fits decides.
KINDS = [
    ("AES", r"\baes\b|aes_table|fixslice|\bctr::|ghash|polyval|aes_gcm|srtp::CounterMode"),
    ("SHA-1", r"\bsha1\b|hmac::|HmacCore|core::crypto::hash|Sha1Hmac"),
    ("key exchange", r"p256|p384|elliptic|ecdsa|crypto_bigint|curve25519|x25519|primeorder|primefield|\bsha2\b|rfc6979|x509|\bder\b|spki|pkcs8"),
    ("packetizer", r"rtp_h264|annexb|assembler|packets::Packets"),
    ("copies", r"mem(cpy|move|set|cmp)|__aeabi_mem|compiler_builtins::mem"),
    ("malloc", r"malloc|\bfree\b|calloc|realloc|__rdl_|__rust_|alloc_(slot|group)|memalign|dealloc"),
    ("DTLS", r"dimpl"),
    ("str0m", r"str0m|\bis::|sctp|IceAgent"),
    ("event loop", r"tokio|mio::|event_loop|quinn_udp|mimamori::io|clock_gettime|syscall|epoll|sendmsg|sendmmsg|recvm"),
    ("core", r"mimamori::"),
]
# Numbers of 32-bit ARM's system calls.
CALLS = {
    3: "read", 4: "write", 91: "munmap", 125: "mprotect", 142: "select", 192: "mmap",
    220: "madvise", 240: "futex", 252: "epoll_wait", 263: "clock_gettime", 45: "brk",
    290: "sendto", 292: "recvfrom", 296: "sendmsg", 297: "recvmsg", 346: "epoll_pwait",
    365: "recvmmsg", 374: "sendmmsg", 384: "getrandom", 403: "clock_gettime",
    409: "timerfd_settime", 353: "timerfd_settime", 422: "futex",
}


def main():
    arguments = parse_arguments()
    functions = read_functions(arguments.program)
    watch = run(arguments, functions, arguments.clip, measure_watching)
    joins = run(arguments, functions, arguments.quiet_clip, measure_joins)
    print_report(arguments, functions, watch, joins)


def parse_arguments():
    parser = argparse.ArgumentParser()
    for name in ("qemu", "program", "viewers", "plugin", "clip", "quiet-clip"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--crowd", type=int, default=8)
    parser.add_argument("--top", type=int, default=0)
    return parser.parse_args()


def read_functions(program):
    """First address, address behind the last, and name of each, ascending."""
    lines = subprocess.run(
        ["nm", "--print-size", "--defined-only", "--demangle", "--numeric-sort", program],
        check=True, capture_output=True, text=True).stdout.splitlines()
    found, end = [], 0
    for line in lines:
        match = re.match(r"([0-9a-f]+) ([0-9a-f]+) [tTwW] (.+)", line)
        if not match:
            continue
        first = int(match[1], 16) & ~1
        behind = first + int(match[2], 16)
        if first >= end and behind > first:
            found.append((first, behind, match[3]))
            end = behind
    return found


def run(arguments, functions, clip, measure):
    """Starts camera and viewers, measures, and ends both whatever happens."""
    with tempfile.TemporaryDirectory(prefix="mimamori-count-") as folder:
        camera = viewers = None
        try:
            camera = Camera(arguments, functions, clip, Path(folder))
            viewers = Viewers(arguments.viewers, camera.address)
            return measure(arguments, camera, viewers)
        finally:
            for peer in (viewers, camera):
                if peer:
                    peer.stop()


class Camera:
    def __init__(self, arguments, functions, clip, folder):
        table = folder / "map"
        table.write_text("".join(f"{first:x} {behind:x}\n" for first, behind, _ in functions))
        config = folder / "camera.toml"
        config.write_text(f'state_directory = "{folder}/state"\nlog = "warn"\n')
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = "127.0.0.1:%d" % probe.getsockname()[1]
        self.control, other = socket.socketpair()
        with other:
            self.process = subprocess.Popen(
                [arguments.qemu, "-cpu", "arm1176", "-B", hex(GUEST_BASE), "-plugin",
                 f"{arguments.plugin},map={table},control={other.fileno()}",
                 arguments.program, "--config", config, "--listen", self.address,
                 "--camera", clip, "--max-viewers", "64"],
                pass_fds=[other.fileno()])
        self.answers = self.control.makefile("r")
        self.wait_for_port()

    def wait_for_port(self):
        host, port = self.address.split(":")
        limit = time.monotonic() + START_LIMIT
        while True:
            try:
                socket.create_connection((host, int(port)), 1).close()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > limit:
                    raise SystemExit("scripts/count: the program did not start")
                time.sleep(0.1)

    def counts(self):
        """Instructions by function (the last: by none), and system calls by number."""
        self.control.sendall(b"?")
        instructions, calls = [], {}
        for line in self.answers:
            kind, *numbers = line.split()
            if kind == "end":
                return Counts(time.monotonic(), instructions, calls)
            if kind == "call":
                calls[int(numbers[0])] = int(numbers[1])
            else:
                instructions.append(int(numbers[0]))
        raise SystemExit("scripts/count: the program ended")

    def memory(self):
        """Bytes of the guest's memory that are there (RSS)."""
        total, inside = 0, False
        for line in Path(f"/proc/{self.process.pid}/smaps").read_text().splitlines():
            if match := re.match(r"([0-9a-f]+)-[0-9a-f]+ ", line):
                inside = GUEST_BASE <= int(match[1], 16) < GUEST_BASE + GUEST_SIZE
            elif inside and line.startswith("Rss:"):
                total += int(line.split()[1]) * 1024
        return total

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Counts:
    def __init__(self, at, instructions, calls):
        self.at, self.instructions, self.calls = at, instructions, calls

    def since(self, before):
        return Counts(
            self.at - before.at,
            [now - then for now, then in zip(self.instructions, before.instructions)],
            {n: count - before.calls.get(n, 0) for n, count in self.calls.items()})

    def total(self):
        return sum(self.instructions)


class Viewers:
    def __init__(self, program, address):
        self.process = subprocess.Popen([program, address], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)

    def ask(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().split()
        if not answer:
            raise SystemExit("scripts/count: a viewer could not join")
        return [int(word) for word in answer[1:]]

    def stop(self):
        self.process.kill()
        self.process.wait()


def measure_watching(arguments, camera, viewers):
    """Counts and memory with no viewer, one, and a crowd."""
    found, watching = {}, 0
    time.sleep(3)
    for count in (0, 1, arguments.crowd):
        while watching < count:
            viewers.ask("join")
            watching += 1
        time.sleep(SETTLE)
        begin, (packets, lost) = camera.counts(), viewers.ask("count")
        time.sleep(arguments.seconds)
        spent, (packets_now, lost_now) = camera.counts().since(begin), viewers.ask("count")
        found[count] = (spent, packets_now - packets, lost_now - lost, camera.memory())
    return found


def measure_joins(arguments, camera, viewers, joins=4):
    """What one join costs, beyond what the hardly moving picture does: the first one
    and the mean of the later ones."""
    costs = []
    time.sleep(3)
    for _ in range(joins):
        begin = camera.counts()
        viewers.ask("join")
        time.sleep(3)
        joined = camera.counts()
        time.sleep(3)
        watched, join = camera.counts().since(joined), joined.since(begin)
        share = join.at / watched.at
        join.instructions = [a - b * share for a, b in
                             zip(join.instructions, watched.instructions)]
        costs.append(join)
    return costs


def by_kind(functions, instructions):
    """Sums, in the order of KINDS, and the rest."""
    sums = dict.fromkeys([kind for kind, _ in KINDS] + ["rest"], 0)
    for index, count in enumerate(instructions):
        name = functions[index][2] if index < len(functions) else ""
        sums[kind_of(name)] += count
    return sums


def kind_of(name):
    return next((kind for kind, pattern in KINDS if re.search(pattern, name)), "rest")


def print_report(arguments, functions, watch, joins):
    size = Path(arguments.program).stat().st_size
    crowd = arguments.crowd
    idle = watch[0][0].total() / watch[0][0].at
    print(f"\nARM1176 instructions, million per second and viewer ({size >> 10} KiB with symbols)")
    print(f"{'':14}{'1 viewer':>12}{f'{crowd} viewers':>12}")
    rates = []
    full = watch[1][1] / watch[1][0].at
    for count in (1, crowd):
        spent = watch[count][0]
        sums = by_kind(functions, spent.instructions)
        # An emulator that falls behind sends less: then as if it had sent all.
        slow = full / (watch[count][1] / spent.at / count)
        rates.append({kind: n * slow / spent.at / count / 1e6 for kind, n in sums.items()})
    for kind in rates[0]:
        print(f"{kind:14}{rates[0][kind]:12.2f}{rates[1][kind]:12.2f}")
    print(f"{'total':14}{sum(rates[0].values()):12.2f}{sum(rates[1].values()):12.2f}")
    for count in (1, crowd):
        spent, packets, lost, _ = watch[count]
        print(f"{count} viewers: {packets / spent.at / count:.0f} packets a second and viewer, "
              f"{spent.total() / packets / 1e3:.1f} thousand instructions each, {lost} lost; system calls a second and viewer: {call_rates(spent, count)}")
    print(f"idle: {idle / 1e6:.3f} million a second; system calls a second: "
          f"{call_rates(watch[0][0], 1)}")
    memory = {count: watch[count][3] for count in watch}
    print(f"memory: {memory[0] / 1e6:.2f} MB idle, {memory[crowd] / 1e6:.2f} MB with {crowd} viewers, "
          f"{(memory[crowd] - memory[1]) / (crowd - 1) / 1e6:.2f} MB for each after the first")
    later = joins[1:]
    print(f"join: {joins[0].total() / 1e6:.1f} million the first, "
          f"{sum(j.total() for j in later) / len(later) / 1e6:.1f} million each later one")
    mean = [sum(values) / len(later) for values in zip(*(j.instructions for j in later))]
    parts = sorted(by_kind(functions, mean).items(), key=lambda item: -item[1])
    print("  " + ", ".join(f"{kind} {n / 1e6:.1f}" for kind, n in parts if n > 5e4))
    if arguments.top:
        print_top(f"{crowd} viewers", functions, watch[crowd][0].instructions, arguments.top)
        print_top("a later join", functions, mean, arguments.top)
        print_top("idle", functions, watch[0][0].instructions, arguments.top)


def call_rates(spent, viewers):
    rates = {}
    for number, count in spent.calls.items():
        name = CALLS.get(number, f"call {number}")
        rates[name] = rates.get(name, 0) + count / spent.at / viewers
    ranked = sorted(rates.items(), key=lambda item: -item[1])
    return ", ".join(f"{name} {rate:.1f}" for name, rate in ranked if rate >= 0.05) or "none"


def print_top(title, functions, instructions, top):
    total = sum(instructions) or 1
    print(f"\nfunctions, {title}:")
    names = [name for _, _, name in functions] + ["(outside of every function)"]
    ranked = sorted(zip(instructions, names), reverse=True)
    for count, name in ranked[:top]:
        print(f"{100 * count / total:6.2f} % {count:14.0f}  {kind_of(name):12} {name[:110]}")


if __name__ == "__main__":
    main()
