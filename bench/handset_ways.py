"""The soft handset's two possible ways between browser and box: PCM by WebSocket, or WebRTC.

`python -m bench.handset_ways` (after `tools/install.sh dev,bench`) prints one JSON object. One
page in Debian's Chromium with its fake sound device, one Python process that sends back at once
what it hears: by our own WebSocket, worker and audio worklets, and by aiortc with Opus. What is
spoken into and what comes out of the page is taken in its audio thread, by the same clock.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
from collections.abc import Callable
from typing import Any

from aiohttp import web
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCSessionDescription
from playwright.async_api import Page, async_playwright

from bench.web import BOTH, EAR_AND_MOUTH, RATE_HZ, SLEEP, SPEECH, spread, stamped
from firmware.demo.measure import find
from firmware.web.server import FILES, STATIC
from firmware.web.sound import SoundLine
from tests.web.browser import CHROMIUM, FLAGS

SETTLE_MS, HEAR_MS = 15_000, 9_000  # both have buffers that find their depth
ROUNDS = 3
MICROPHONE = (
    "{ audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false } }"
)
BY_WEBSOCKET = """async () => {
  localStorage.setItem("headset", "1");
  const { Sound } = await import("/sound.js");
  globalThis.fernruf_sound = new Sound(() => {});
  await fernruf_sound.turn_on();
  await fernruf_sound.lift(true);
}"""
BY_WEBRTC = f"""async () => {{
  const context = new AudioContext({{ latencyHint: "interactive" }});
  await context.audioWorklet.addModule("/worklet.js");
  const stream = await navigator.mediaDevices.getUserMedia({MICROPHONE});
  const line = new RTCPeerConnection();
  for (const track of stream.getTracks()) line.addTrack(track, stream);
  const came = new Promise(done => {{ line.ontrack = event => done(event.streams[0]); }});
  await line.setLocalDescription(await line.createOffer());
  while (line.iceGatheringState !== "complete") await new Promise(done => setTimeout(done, 50));
  const request = {{ method: "POST", body: JSON.stringify(line.localDescription) }};
  await line.setRemoteDescription(await (await fetch("/offer", request)).json());
  const heard = await came;
  const loudspeaker = new Audio(); // Chromium moves no sound that nothing plays
  loudspeaker.srcObject = heard;
  loudspeaker.muted = true;
  await loudspeaker.play();
  const source = new MediaStreamAudioSourceNode(context, {{ mediaStream: stream }});
  const ear = new MediaStreamAudioSourceNode(context, {{ mediaStream: heard }});
  globalThis.fernruf_sound = {{ context, ear, source, line, loudspeaker }};
}}"""


class Mirror:
    """A sound card that says what it hears."""

    def __init__(self) -> None:
        self._speak: Callable[[bytes], None] | None = None

    def attach(self, speak: Callable[[bytes], None]) -> None:
        """A page is there."""
        self._speak = speak

    def detach(self, speak: Callable[[bytes], None]) -> None:
        """It is gone."""
        if self._speak == speak:
            self._speak = None

    def hear(self, data: bytes) -> None:
        """Back at once."""
        if self._speak is not None:
            self._speak(data)

    def measured(self, delay_s: float) -> None:
        """Nothing follows it."""


async def main() -> None:
    """Print the figures of both."""
    app, lines = web.Application(), set[RTCPeerConnection]()

    async def blank(_request: web.Request) -> web.Response:
        return web.Response(text="<!doctype html><title>ways</title>", content_type="text/html")

    async def offer(request: web.Request) -> web.Response:
        said, line = await request.json(), RTCPeerConnection()
        lines.add(line)

        @line.on("track")
        def heard(track: MediaStreamTrack) -> None:
            line.addTrack(track)

        await line.setRemoteDescription(RTCSessionDescription(said["sdp"], said["type"]))
        await line.setLocalDescription(await line.createAnswer())
        answer = line.localDescription
        return web.json_response({"sdp": answer.sdp, "type": answer.type})

    app.router.add_get("/", blank)
    for name in FILES:
        app.router.add_get(f"/{name}", lambda request: web.FileResponse(STATIC / request.path[1:]))
    app.router.add_get("/api/sound", SoundLine(Mirror()).serve)
    app.router.add_post("/offer", offer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    base = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=[*FLAGS, f"--use-file-for-fake-audio-capture={SPEECH}"]
        )
        report = {}
        for name, begin in (("websocket_pcm", BY_WEBSOCKET), ("webrtc_aiortc", BY_WEBRTC)):
            page = await browser.new_page()
            await page.goto(base)
            report[name] = await there_and_back(page, begin)
            await page.close()
        await browser.close()
    for line in lines:
        await line.close()
    await runner.cleanup()
    print(json.dumps(report, indent=1))


async def there_and_back(page: Page, begin: str) -> dict[str, Any]:
    """From the page's mouth through the process into its ear."""
    await page.evaluate(begin)
    await page.evaluate(SLEEP, SETTLE_MS)
    delays_ms, likenesses, begun_s = [], [], cpu_s()
    for _ in range(ROUNDS):
        await page.evaluate(EAR_AND_MOUTH)
        await page.evaluate(SLEEP, HEAR_MS)
        sounds = {name: stamped(text) for name, text in (await page.evaluate(BOTH)).items()}
        (ear_s, ear), (mouth_s, mouth) = sounds["ear"], sounds["mouth"]
        match = find(mouth[: 6 * RATE_HZ], ear)
        delays_ms.append(1000 * (ear_s + match.delay_samples / RATE_HZ - mouth_s))
        likenesses.append(match.likeness)
    return {
        "there_and_back_ms": spread(delays_ms),
        "likeness": round(min(likenesses), 3),
        "python_cpu_percent": round(100_000 * (cpu_s() - begun_s) / (ROUNDS * HEAR_MS), 1),
    }


def cpu_s() -> float:
    """Of this process: the end at the box, and what the measuring takes."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
