#!/usr/bin/env python3
"""ports.py ADDRESS PORT: whether the port is free, on TCP and on UDP.
ports.py ADDRESS: names one that is."""
import socket
import sys


def take(address, port):
    """Binds both; the number, which port 0 leaves to the kernel."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            # What an ended connection still holds does not count.
            tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tcp.bind((address, port))
            number = tcp.getsockname()[1]
            udp.bind((address, number))
            return number


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    address = sys.argv[1]
    try:
        if len(sys.argv) == 3:
            take(address, int(sys.argv[2]))
            return
        for _ in range(100):
            try:
                print(take(address, 0))
                return
            except OSError:
                continue
        print(f"no port is free on {address}")
    except OSError as error:
        print(f"port {sys.argv[2]} of {address} can't be had: {error.strerror}")
    except OverflowError:
        print(f"{sys.argv[2]} is no port")
    sys.exit(1)


if __name__ == "__main__":
    main()
