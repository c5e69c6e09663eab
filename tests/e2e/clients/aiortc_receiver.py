"""Receives video through UV4L's signalling or WHEP; prints what came as one line of JSON.

    aiortc_receiver.py uv4l|whep http://CAMERA:PORT SECONDS
"""

import asyncio
import json
import sys
import time

import aiohttp
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc.sdp import candidate_from_sdp

LIMIT = 20  # seconds for everything before the last frame


async def main(protocol, base, seconds):
    peer = RTCPeerConnection()
    track = asyncio.get_running_loop().create_future()
    peer.on("track", lambda one: track.done() or track.set_result(one))
    connect = {"uv4l": call_uv4l, "whep": call_whep}[protocol]
    async with aiohttp.ClientSession() as http:
        started = time.monotonic()
        hang_up = await asyncio.wait_for(connect(http, base, peer), LIMIT)
        result = await receive(await asyncio.wait_for(track, LIMIT), started, seconds)
        result["dtls"] = dtls_of(peer)
        print(json.dumps(result))
        await hang_up()
        await peer.close()


async def call_uv4l(http, base, peer):
    """Not trickle: one offer, one array of candidates."""
    socket = await http.ws_connect(base.replace("http", "ws") + "/stream/webrtc")
    await socket.send_json({"what": "call", "options": {"force_hw_vcodec": True, "vformat": 10}})
    offer = await expect(socket, "offer")
    await peer.setRemoteDescription(RTCSessionDescription(offer["sdp"], offer["type"]))
    for one in await expect(socket, "iceCandidates"):
        candidate = candidate_from_sdp(one["candidate"].removeprefix("candidate:"))
        candidate.sdpMid, candidate.sdpMLineIndex = one["sdpMid"], one["sdpMLineIndex"]
        await peer.addIceCandidate(candidate)
    await peer.setLocalDescription(await peer.createAnswer())
    answer = {"type": "answer", "sdp": peer.localDescription.sdp}
    await socket.send_json({"what": "answer", "data": json.dumps(answer)})
    return socket.close


async def expect(socket, what):
    message = await socket.receive_json()
    if message["what"] != what:
        raise SystemExit(f"{what} was to come, not {message}")
    return json.loads(message["data"])


async def call_whep(http, base, peer):
    peer.addTransceiver("video", direction="recvonly")
    await peer.setLocalDescription(await peer.createOffer())
    headers = {"Content-Type": "application/sdp"}
    async with http.post(base + "/whep", data=peer.localDescription.sdp, headers=headers) as response:
        text = await response.text()
        if response.status != 201:
            raise SystemExit(f"{response.status}: {text}")
        resource = base + response.headers["Location"]
    await peer.setRemoteDescription(RTCSessionDescription(text, "answer"))

    async def hang_up():
        async with http.delete(resource) as response:
            response.raise_for_status()

    return hang_up


async def receive(track, started, seconds):
    """Counts frames for so many seconds after the first."""
    frame = await asyncio.wait_for(track.recv(), LIMIT)
    first = time.monotonic()
    frames = 1
    while time.monotonic() - first < seconds:
        frame = await asyncio.wait_for(track.recv(), LIMIT)
        frames += 1
    spent = time.monotonic() - first
    return {
        "first_frame_ms": round((first - started) * 1000),
        "frames": frames,
        "fps": round((frames - 1) / spent, 1),
        "width": frame.width,
        "height": frame.height,
    }


def dtls_of(peer):
    """Version and SRTP profile, as OpenSSL says them."""
    transport = peer.getTransceivers()[0].receiver.transport
    ssl = getattr(transport, "ssl", None) or getattr(transport, "_ssl", None)
    if ssl is None:
        return None
    return f"{ssl.get_protocol_version_name()} {ssl.get_selected_srtp_profile().decode()}"


asyncio.run(main(sys.argv[1], sys.argv[2].rstrip("/"), float(sys.argv[3])))
