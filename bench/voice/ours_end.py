"""One end of our telephone in a process of its own: sound card, session, socket; no signalling.

The drivers, the beat, the shell and the session are those of the product, joined as by box.py; keys
and addresses are given, so that the wire of the benchmark can stand between the two ends.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import time
from functools import partial
from typing import Any

from firmware.beat import Beat
from firmware.drivers.audio import Earpiece, Microphone
from firmware.drivers.pi.alsa import AlsaCapture, AlsaPlayback, Pace
from firmware.events import PrepareMedia, StartMedia
from firmware.media.session import MediaSession
from firmware.model import Codec, Endpoint, Frame, silence
from firmware.shell.shell import Shell

HOST = "127.0.0.1"
KEYS = (bytes(range(28)), bytes(range(100, 128)))


async def talk(arguments: argparse.Namespace) -> dict[str, Any]:
    """One call, for so many seconds."""
    loop = asyncio.get_running_loop()
    session = MediaSession(os.urandom)
    shell = Shell(session)
    await shell.open(Endpoint(HOST, arguments.bind))
    keys = KEYS if arguments.first else KEYS[::-1]
    shell.tell(PrepareMedia(Codec(arguments.codec), Endpoint(HOST, arguments.remote), *keys))
    shell.tell(StartMedia())

    def playout(now_s: float, _delay_s: float) -> Frame:
        frame = session.playout(now_s, is_free=True)
        return silence() if frame is None else frame

    def is_ready() -> bool:
        return session.is_ready

    def ready() -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(lambda: beat.quicken())

    microphone = Microphone(partial(AlsaCapture, "card"), ready, print)
    pace = Pace()
    earpiece = Earpiece(lambda: AlsaPlayback("card", pace), ready, print)
    beat = Beat(loop, shell, microphone, earpiece, session.capture, playout, is_ready)
    running = asyncio.create_task(shell.run())
    await asyncio.sleep(0.3)
    microphone.open()
    earpiece.open()
    began_s, cpu_s = time.monotonic(), time.process_time()
    await asyncio.sleep(arguments.seconds)
    cpu_s = (time.process_time() - cpu_s) / (time.monotonic() - began_s) * 60
    for stream in (microphone, earpiece):
        stream.close()
        stream.join(1.0)
    running.cancel()
    return {
        "cpu_s_per_minute": cpu_s,
        "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "overruns": microphone.overruns,
        "underruns": earpiece.underruns,
        "card_step": pace.step,
    }


def main() -> None:
    """Print what the call cost."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--bind", type=int, required=True)
    parser.add_argument("--remote", type=int, required=True)
    parser.add_argument("--codec", required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--first", action="store_true")
    print(json.dumps(asyncio.run(talk(parser.parse_args()))), flush=True)


if __name__ == "__main__":
    main()
