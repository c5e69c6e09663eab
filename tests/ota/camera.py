#!/usr/bin/env python3
"""A stand-in for a camera that is updated over the air, for tests/ota/run.

    camera.py ADDRESS PORT FOLDER [NAME=VALUE...]

It speaks the update's part of the HTTP API and nothing else. What it has been sent lies in
FOLDER/received, what it was asked for in FOLDER/log; FOLDER/port appears when it listens.
The names say how it misbehaves; see Camera.
"""
import json
import os
import re
import socket
import struct
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SLOT = 4 << 20


class Cut(Exception):
    """The connection ends here, without an answer."""


class Camera:
    def __init__(self, folder, wishes):
        self.folder = folder
        self.cuts = [int(at) for at in wishes.get("cut", "").split(",") if at]
        self.lost = int(wishes.get("lost", "-1"))  # this piece's answer is lost
        self.deaf = int(wishes.get("deaf", "-1"))  # from here on no upload gets through
        self.gone = int(wishes.get("gone", "-1"))  # here the session is given up
        self.refuse = int(wishes.get("refuse", "-1"))  # here the engine refuses
        self.silently = "silently" in wishes  # ... and the answer never arrives
        self.post = int(wishes.get("post", "201"))
        self.end = wishes.get("end", "updated")
        self.back = int(wishes.get("back", "202"))
        self.reason = wishes.get("reason", "the camera gave no picture")
        self.unknown = "unknown" in wishes
        self.garbage = wishes.get("garbage")
        self.version, self.slot, self.state = "1.0.0", "A", "idle"
        self.other = {"slot": "B", "version": wishes.get("other", "0.9.0")}
        self.next = "2.0.0"
        self.trial, self.last, self.id = None, None, None
        self.received = self.size = self.pieces = 0
        self.away_until = 0.0
        self.lock = threading.Lock()

    def log(self, line):
        with open(f"{self.folder}/log", "a") as log:
            log.write(line + "\n")

    def status(self):
        names = ("version", "slot", "state", "id", "received", "size", "other", "trial", "last")
        return {name: getattr(self, name) for name in names} | {"can_roll_back": self.back == 202}

    def tell(self, result, version, reason):
        now = int(time.time())
        self.last = {"result": result, "version": version, "from": self.version, "reason": reason, "at": now}

    def install(self):
        """After the last byte, in a thread of its own."""
        self.state = "installing"
        time.sleep(0.1)
        if self.end == "refused":
            self.id, self.state = None, "idle"
            self.tell("refused", self.next, self.reason)
            return
        self.restart(self.next)

    def restart(self, version):
        self.state, self.id = "restarting", None
        time.sleep(0.2)
        self.away_until = time.monotonic() + 1.2
        if self.end == "silent":
            self.away_until = float("inf")
            return
        old = self.version
        if self.end == "falls-back":  # as U-Boot does, without a trial that anybody sees
            self.state = "idle"
            self.tell("rolled_back", version, self.reason)
            return
        self.other = {"slot": self.slot, "version": old}
        self.slot = "AB"[self.slot == "A"]
        self.version, self.state = version, "trial"
        self.trial = {"waits_for": ["camera", "network"], "seconds_left": 100}
        time.sleep(2.4)
        if self.end == "trial":
            return
        if self.end == "rolled_back":
            self.away_until = time.monotonic() + 1.2
            self.version, self.slot = old, self.other["slot"]
        self.tell(self.end if self.end == "rolled_back" else "updated", version, self.reason if self.end == "rolled_back" else "")
        if self.end == "another":
            self.version = "7.7.7"
        self.trial, self.state = None, "idle"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    camera = None

    def log_message(self, *_):
        pass

    def handle(self):
        try:
            super().handle()
        except (Cut, OSError):
            # With a reset, as a broken connection ends.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True

    def answer(self, code, body=None, **headers):
        data = b"" if body is None else json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Connection", "close")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        if data and self.command != "HEAD":
            self.wfile.write(data)
        self.close_connection = True

    def begin(self):
        if self.camera.away_until > time.monotonic():
            raise Cut
        self.camera.log(f"{self.command} {self.path}")

    def do_GET(self):
        self.begin()
        if self.path != "/api/update" or self.camera.unknown:
            return self.answer(404, {"error": "there is no such page"})
        if self.camera.garbage:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(self.camera.garbage.encode())
            self.close_connection = True
            return None
        return self.answer(200, self.camera.status())

    def do_POST(self):
        self.begin()
        camera = self.camera
        if self.path == "/api/update/roll-back":
            if camera.back != 202:
                return self.answer(camera.back, {"error": "there is nothing to go back to"})
            threading.Thread(target=camera.restart, args=(camera.other["version"],), daemon=True).start()
            return self.answer(202, {})
        assert self.headers["Tus-Resumable"] == "1.0.0", "not tus"
        camera.size = int(self.headers["Upload-Length"])
        if camera.size > SLOT:
            return self.answer(413, {"error": "the bundle is larger than a slot"})
        if camera.post != 201:
            return self.answer(camera.post, {"error": "another update is under way"})
        camera.id, camera.received, camera.state = "u-1_a", 0, "receiving"
        open(f"{camera.folder}/received", "wb").close()
        return self.answer(201, Location="/api/update/u-1_a")

    def mine(self):
        return self.path == "/api/update/u-1_a" and self.camera.id

    def do_HEAD(self):
        self.begin()
        if 0 <= self.camera.deaf <= self.camera.received:
            raise Cut
        if not self.mine():
            return self.answer(410)
        return self.answer(200, Upload_Offset=self.camera.received, Upload_Length=self.camera.size)

    def do_DELETE(self):
        self.begin()
        self.camera.id, self.camera.state = None, "idle"
        self.answer(204)

    def do_PATCH(self):
        self.begin()
        camera = self.camera
        with camera.lock:
            if not self.mine():
                return self.answer(410, {"error": "this upload has ended"})
            if int(self.headers["Upload-Offset"]) != camera.received:
                return self.answer(409, {"error": "wrong offset"})
            assert self.headers["Content-Type"] == "application/offset+octet-stream"
            self.take(int(self.headers["Content-Length"]))
            camera.pieces += 1
            lost = camera.pieces - 1 == camera.lost
            if lost and camera.received < camera.size:
                raise Cut
            if camera.id is None:
                return self.answer(422, {"error": camera.reason})
            if camera.received == camera.size:
                threading.Thread(target=camera.install, daemon=True).start()
            if lost:
                raise Cut
            return self.answer(204, Upload_Offset=camera.received)

    def take(self, left):
        camera = self.camera
        with open(f"{camera.folder}/received", "ab") as kept:
            while left and camera.id:
                data = self.rfile.read(min(left, 4096))
                left -= len(data)
                kept.write(data)
                camera.received += len(data)
                self.misbehave(kept)

    def misbehave(self, kept):
        camera = self.camera
        if camera.cuts and camera.received >= camera.cuts[0]:
            camera.cuts.pop(0)
            kept.flush()
            raise Cut
        if 0 <= camera.deaf <= camera.received:
            raise Cut
        if 0 <= camera.gone <= camera.received:
            camera.id, camera.state = None, "idle"
            raise Cut
        if 0 <= camera.refuse <= camera.received:
            camera.id, camera.state = None, "idle"
            camera.tell("refused", camera.next, camera.reason)
            if camera.silently:
                raise Cut


class Server(ThreadingHTTPServer):
    daemon_threads = True


class Server6(Server):
    address_family = socket.AF_INET6


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    address, port, folder = sys.argv[1:4]
    wishes = dict(re.match("([a-z]+)=?(.*)", wish, re.S).groups() for wish in sys.argv[4:])
    Handler.camera = Camera(folder, wishes)
    server = (Server6 if ":" in address else Server)((address, int(port)), Handler)
    with open(f"{folder}/port.new", "w") as file:
        file.write(str(server.server_port))
    os.rename(f"{folder}/port.new", f"{folder}/port")
    server.serve_forever()


if __name__ == "__main__":
    main()
