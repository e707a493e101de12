"""Two ends of aiortc, a WebRTC stack in Python, in one process: half of its CPU is one end's.

Speech is fed in real time, 20 ms at a time, and what comes out is kept with the moment it came:
quality is judged of the frames one after the other, as a recorder would keep them, the delay by the
median of when they came. No sound card, no buffer in front of it: that is in aiortc's favour.
Source: aiortc 1.16, RTCPeerConnection and MediaStreamTrack.
"""

from __future__ import annotations

import argparse
import asyncio
import fractions
import json
import resource
import time
from typing import Any

import aioice.ice
import av
import numpy as np
from aiortc import (
    MediaStreamTrack,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
)

RATE_HZ = 16_000
FRAME = 320
FRAME_S = 0.020


class Mouth(MediaStreamTrack):
    """Speech from a file, from the moment the connection stands."""

    kind = "audio"

    def __init__(self, samples: np.ndarray) -> None:
        super().__init__()
        self._samples, self._n = samples, 0
        self.began_s = 0.0

    async def recv(self) -> av.AudioFrame:
        """The next 20 ms, when they have been spoken."""
        if self._n == 0:
            self.began_s = time.monotonic()
        due_s = self.began_s + (self._n + 1) * FRAME_S
        await asyncio.sleep(max(0.0, due_s - time.monotonic()))
        part = self._samples[self._n * FRAME : (self._n + 1) * FRAME]
        frame = av.AudioFrame(format="s16", layout="mono", samples=FRAME)
        frame.planes[0].update(np.pad(part, (0, FRAME - len(part))).astype("<i2").tobytes())
        frame.sample_rate, frame.pts = RATE_HZ, self._n * FRAME
        frame.time_base = fractions.Fraction(1, RATE_HZ)
        self._n += 1
        return frame


class Ear:
    """Keeps what is heard, and when."""

    def __init__(self) -> None:
        self.frames: list[np.ndarray] = []
        self.came_s: list[float] = []
        self._resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE_HZ)

    async def listen(self, track: MediaStreamTrack) -> None:
        """Until the track ends."""
        while True:
            frame = await track.recv()
            self.came_s.append(time.monotonic())
            parts = [one.to_ndarray().ravel() for one in self._resampler.resample(frame)]
            self.frames.append(np.concatenate(parts) if parts else np.zeros(0, dtype=np.int16))


def through_wire(sdp: str, face: int) -> tuple[str, int]:
    """The description with one candidate, at the wire's face; and the true port of it."""
    lines, port = [], 0
    for line in sdp.splitlines():
        if line.startswith("a=candidate:"):
            words = line.split()
            if port or words[2].lower() != "udp" or ":" in words[4]:
                continue
            port = int(words[5])
            words[4], words[5] = "127.0.0.1", str(face)
            line = " ".join(words)
        elif line.startswith("m=audio"):
            words = line.split()
            words[1] = str(face)
            line = " ".join(words)
        elif line.startswith("c="):
            line = "c=IN IP4 127.0.0.1"
        lines.append(line)
    return "\r\n".join([*lines, ""]), port


async def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """One call."""
    aioice.ice.get_host_addresses = lambda **_families: ["127.0.0.1"]
    sounds = [np.fromfile(path, dtype="<i2") for path in arguments.mouth]
    mouths, ears = [Mouth(sound) for sound in sounds], [Ear(), Ear()]
    peers = [RTCPeerConnection(), RTCPeerConnection()]
    listening: list[asyncio.Task[None]] = []
    connected = asyncio.Event()

    def look() -> None:
        if all(peer.connectionState == "connected" for peer in peers):
            connected.set()

    for peer, mouth, ear in zip(peers, mouths, ears, strict=True):
        peer.on(
            "track",
            lambda track, ear=ear: listening.append(asyncio.ensure_future(ear.listen(track))),
        )
        peer.on("connectionstatechange", look)
        peer.addTrack(mouth)
        wanted = {"opus": "audio/opus", "g711": "audio/PCMA"}[arguments.codec]
        codecs = RTCRtpSender.getCapabilities("audio").codecs
        preferred = [one for one in codecs if one.mimeType == wanted]
        peer.getTransceivers()[0].setCodecPreferences(preferred)
    first, second = peers
    await first.setLocalDescription(await first.createOffer())
    offer, first_port = through_wire(first.localDescription.sdp, arguments.face[0])
    await second.setRemoteDescription(RTCSessionDescription(offer, "offer"))
    await second.setLocalDescription(await second.createAnswer())
    answer, second_port = through_wire(second.localDescription.sdp, arguments.face[1])
    print(json.dumps({"ports": [first_port, second_port]}), flush=True)
    await first.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    await asyncio.wait_for(connected.wait(), 20.0)
    began_s, cpu_s = time.monotonic(), time.process_time()
    await asyncio.sleep(arguments.seconds)
    cpu_s = (time.process_time() - cpu_s) / (time.monotonic() - began_s) * 60
    heard = []
    for i, ear in enumerate(ears):
        sound = np.concatenate(ear.frames) if ear.frames else np.zeros(1, dtype=np.int16)
        sound.astype("<i2").tofile(arguments.ear[i])
        ends = np.cumsum([len(frame) for frame in ear.frames]) / RATE_HZ
        # when the first sample would have come, had each frame come as late as most of them
        late_s = float(np.median(np.array(ear.came_s) - ends)) if ear.frames else 0.0
        heard.append(late_s - mouths[1 - i].began_s)
    return {
        "cpu_s_per_minute": cpu_s / 2,
        "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "ear_begins_s": heard,
    }


def main() -> None:
    """Print the ports, and at the end what the call cost."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--codec", required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--face", type=int, nargs=2, required=True)
    parser.add_argument("--mouth", nargs=2, required=True)
    parser.add_argument("--ear", nargs=2, required=True)
    print(json.dumps(asyncio.run(run(parser.parse_args()))), flush=True)


if __name__ == "__main__":
    main()
