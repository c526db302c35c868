"""A voice daemon as the original's: the base API, one connection for each user, no hello, nothing signed.

Its WebRTC is another stack than ours, and that stack names its candidates in its descriptions. The original's daemon
says them one by one beside descriptions that have none, and so does this one: the first comes before its description,
the others behind it. Ours are taken out of our descriptions and in one by one, too.

Usage: original.py SERVER INVITE CHANNEL PLAY RECORD
"""

import asyncio
import base64
import json
import sys

import aiohttp
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaPlayer, MediaRecorder
from aiortc.sdp import candidate_from_sdp


def apart(sdp):
    """The description without its candidates, and them."""
    lines = sdp.splitlines(keepends=True)
    is_candidate = lambda line: line.startswith(("a=candidate:", "a=end-of-candidates"))
    candidates = [line.strip().removeprefix("a=") for line in lines if line.startswith("a=candidate:")]
    assert candidates, "there is no candidate to say"
    return "".join(line for line in lines if not is_candidate(line)), candidates


class Daemon:
    def __init__(self, socket, user, channel, play, record):
        self.socket, self.user, self.channel = socket, user, channel
        self.play, self.record = play, record
        self.connections, self.inside = {}, False

    async def say(self, kind, **fields):
        await self.socket.send_str(json.dumps({"type": kind, "channel_id": self.channel, **fields}))

    def connection(self, other):
        if other not in self.connections:
            connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
            connection.addTrack(MediaPlayer(self.play).audio)
            recorder = MediaRecorder(self.record)

            @connection.on("track")
            async def track(track):
                recorder.addTrack(track)
                await recorder.start()

            @connection.on("connectionstatechange")
            async def change():
                print("state", connection.connectionState, flush=True)

            self.connections[other] = (connection, recorder)
        return self.connections[other][0]

    async def offer(self, other):
        connection = self.connection(other)
        await connection.setLocalDescription(await connection.createOffer())
        await self.describe("webrtc_offer", other, connection)

    async def describe(self, kind, other, connection):
        sdp, candidates = apart(connection.localDescription.sdp)
        for candidate in candidates[:1]:
            await self.say("ice_candidate", recipient=other, candidate=candidate)
        await self.say(kind, recipient=other, sdp=sdp)
        for candidate in candidates[1:]:
            await self.say("ice_candidate", recipient=other, candidate=candidate)

    async def take(self, other, candidate):
        candidate = candidate_from_sdp(candidate.removeprefix("candidate:"))
        candidate.sdpMid, candidate.sdpMLineIndex = "0", 0
        await self.connection(other).addIceCandidate(candidate)
        print("took a candidate", flush=True)

    async def heard(self, event):
        kind, sender = event["type"], event.get("sender", "")
        if event.get("channel_id") != self.channel:
            return
        if kind == "voice_join" and sender == self.user:
            self.inside = True
            print("inside", flush=True)
        elif kind == "voice_join" and self.inside:
            # Who is inside offers, and whoever comes again gets a connection of its own.
            if sender in self.connections:
                await self.close(sender)
            await self.offer(sender)
        elif kind == "webrtc_offer":
            connection = self.connection(sender)
            sdp, candidates = apart(event["sdp"])
            await connection.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
            for candidate in candidates:
                await self.take(sender, candidate)
            await connection.setLocalDescription(await connection.createAnswer())
            await self.describe("webrtc_answer", sender, connection)
        elif kind == "webrtc_answer":
            sdp, candidates = apart(event["sdp"])
            # Ours are kept back until the two are connected: only the candidates that were said here lead to it.
            connection = self.connection(sender)
            await connection.setRemoteDescription(RTCSessionDescription(sdp, "answer"))
            for _ in range(100):
                if connection.connectionState == "connected":
                    break
                await asyncio.sleep(0.1)
            assert connection.connectionState == "connected", "the candidates that were said led to nothing"
            for candidate in candidates:
                await self.take(sender, candidate)
        elif kind == "ice_candidate":
            await self.take(sender, event["candidate"])
        elif kind == "voice_leave":
            await self.close(sender)

    async def close(self, other):
        connection, recorder = self.connections.pop(other, (None, None))
        if connection:
            await recorder.stop()
            await connection.close()
            print("closed", flush=True)


async def main():
    server, invite, channel, play, record = sys.argv[1:]
    async with aiohttp.ClientSession() as session:
        account = {
            "username": "otto",
            "password": "a password 12",
            "public_key": base64.b64encode(bytes([7] * 32)).decode(),
            "invite_token": invite,
        }
        async with session.post(server + "/auth/register", json=account) as answer:
            me = await answer.json()
            assert answer.status == 201, me
        print("user", me["user_id"], flush=True)
        headers = {"Authorization": "Bearer " + me["token"]}
        async with session.ws_connect(server + "/ws", headers=headers) as socket:
            daemon = Daemon(socket, me["user_id"], channel, play, record)
            # It waits until it is told to enter.
            await asyncio.to_thread(sys.stdin.readline)
            await daemon.say("voice_join")
            leaves = asyncio.create_task(asyncio.to_thread(sys.stdin.readline))
            while not leaves.done():
                try:
                    message = await socket.receive(timeout=0.2)
                except asyncio.TimeoutError:
                    continue
                if message.type == aiohttp.WSMsgType.TEXT:
                    await daemon.heard(json.loads(message.data))
            for other in list(daemon.connections):
                await daemon.close(other)


asyncio.run(main())
