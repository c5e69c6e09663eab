#!/usr/bin/env python3
"""A stand-in for Eclipse hawkBit: its Direct Device Integration API, for one device.

    server.py PORT FOLDER [WORD=VALUE...]

It writes each request to FOLDER/log, a line each, what a device says of itself to
FOLDER/about and of its update to FOLDER/told, a JSON value a line. The words:

    token=TOKEN       the target token without which nothing is answered
    bundle=FILE       an update waits, until the device says how it ended
    sum=TEXT          the sum that is told for it [the right one]
    trick=NAME        what the server does to harm: see TRICKS
    certificate=FILE  https, with the certificate and its key in one file
"""

import hashlib
import http.server
import json
import os
import pathlib
import ssl
import sys
import time

TENANT, ACTION = "garden", 7
CHUNK = b"0" * 65536


class Server(http.server.ThreadingHTTPServer):
    def __init__(self, port, folder, words):
        super().__init__(("127.0.0.1", port), Device)
        self.folder, self.words = folder, words
        self.open = "bundle" in words
        self.knows = False
        self.scheme = "http"
        if "certificate" in words:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(words["certificate"])
            self.socket = context.wrap_socket(self.socket, server_side=True)
            self.scheme = "https"

    def write(self, name, line):
        with open(self.folder / name, "a") as file:
            file.write(line + "\n")

    def handle_error(self, *_):
        pass


class Device(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def base(self):
        # As the device has called it: the emulated one has another name for this machine.
        return f"{self.server.scheme}://{self.headers['Host']}"

    def do_GET(self):
        self.server.write("log", f"GET {self.path}")
        words = self.server.words
        if "token" in words and self.headers["Authorization"] != f"TargetToken {words['token']}":
            return self.send_error(401)
        parts = self.path.strip("/").split("/")
        if self.path == "/bundle.swu":
            return self.send_bundle()
        if parts[:3] != [TENANT, "controller", "v1"] or len(parts) < 4:
            return self.send_error(404)
        if trick := TRICKS.get(words.get("trick")):
            return trick(self, parts)
        if len(parts) == 4:
            return self.answer(self.greeting(parts[3]))
        if parts[4:] == ["deploymentBase", str(ACTION)] and self.server.open:
            return self.answer(self.deployment())
        return self.send_error(404)

    def greeting(self, device):
        own = f"{self.base()}/{TENANT}/controller/v1/{device}"
        links = {} if self.server.knows else {"configData": {"href": f"{own}/configData"}}
        if self.server.open:
            links["deploymentBase"] = {"href": f"{own}/deploymentBase/{ACTION}"}
        return {"config": {"polling": {"sleep": "00:00:01"}}, "_links": links}

    def deployment(self):
        words = self.server.words
        bundle = pathlib.Path(words["bundle"]).read_bytes()
        artifact = {
            "filename": "bundle.swu",
            "hashes": {"sha1": words.get("sum", hashlib.sha1(bundle).hexdigest())},
            "size": len(bundle),
            "_links": {"download-http": {"href": f"{self.base()}/bundle.swu"}},
        }
        chunk = {"part": "os", "version": "1", "name": "mimamori", "artifacts": [artifact]}
        return {"id": str(ACTION), "deployment": {"download": "forced", "update": "forced", "chunks": [chunk]}}

    def do_PUT(self):
        self.hear("about")
        self.server.knows = True
        self.answer(None)

    def do_POST(self):
        if self.hear("told")["status"]["execution"] == "closed":
            self.server.open = False
        self.answer(None)

    def hear(self, name):
        said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.write("log", f"{self.command} {self.path}")
        self.server.write(name, json.dumps(said))
        return said

    def answer(self, value):
        body = b"" if value is None else json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/hal+json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def send_bundle(self):
        bundle = pathlib.Path(self.server.words["bundle"]).read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(bundle)))
        self.end_headers()
        self.wfile.write(bundle)

    def without_end(self, _):
        self.send_response(200)
        self.end_headers()
        while True:
            self.wfile.write(CHUNK)

    def of_other_kinds(self, parts):
        if len(parts) == 4:
            return self.answer(self.greeting(parts[3]))
        self.answer({"id": [], "deployment": {"update": 3, "chunks": "none"}})

    def in_circles(self, _):
        time.sleep(0.05)
        self.send_response(302)
        self.send_header("Location", self.base() + self.path)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def noise(self, _):
        body = os.urandom(3000)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


TRICKS = {
    "without-end": Device.without_end,
    "of-other-kinds": Device.of_other_kinds,
    "in-circles": Device.in_circles,
    "noise": Device.noise,
}


def main():
    port, folder, *words = sys.argv[1:]
    server = Server(int(port), pathlib.Path(folder), dict(word.split("=", 1) for word in words))
    (server.folder / "ready").touch()
    server.serve_forever()


main()
