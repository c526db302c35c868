"""A voice daemon as the original's: the base API, one connection for each user, no hello, nothing signed.

Its WebRTC is another stack than ours. Usage: original.py SERVER INVITE CHANNEL PLAY RECORD
"""

import asyncio
import base64
import json
import sys

import aiohttp
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.contrib.media import MediaPlayer, MediaRecorder
from aiortc.sdp import candidate_from_sdp


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
        sdp = connection.localDescription.sdp
        await self.say("webrtc_offer", recipient=other, sdp=sdp)

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
            await connection.setRemoteDescription(RTCSessionDescription(event["sdp"], "offer"))
            await connection.setLocalDescription(await connection.createAnswer())
            sdp = connection.localDescription.sdp
            await self.say("webrtc_answer", recipient=sender, sdp=sdp)
        elif kind == "webrtc_answer":
            connection = self.connection(sender)
            await connection.setRemoteDescription(RTCSessionDescription(event["sdp"], "answer"))
        elif kind == "ice_candidate":
            candidate = candidate_from_sdp(event["candidate"].removeprefix("candidate:"))
            candidate.sdpMid, candidate.sdpMLineIndex = "0", 0
            try:
                await self.connection(sender).addIceCandidate(candidate)
            except Exception as error:
                print("candidate", error, flush=True)
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
