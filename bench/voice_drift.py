"""An hour between two sound cards that do not agree: does the delay stay, are there gaps?

`python -m bench.voice_drift [--minutes 60] [--ppm 200]` prints one JSON object. In virtual time,
one direction, G.711; the listener's clock runs slower and faster by `ppm`.
`delay_ms` are mouth-to-ear delays by cross-correlation of a few seconds in each minute.
"""

from __future__ import annotations

import argparse
import json
import random

import numpy as np

from bench.voice.speech import corpus
from bench.voice_line import ANNA, BERT, KEYS
from firmware.demo.measure import Sound, find
from firmware.events import (
    DatagramReceived,
    MediaReported,
    PrepareMedia,
    SendDatagram,
    StartMedia,
    StopMedia,
)
from firmware.media.session import MediaSession
from firmware.model import FRAME_S, FRAME_SAMPLES, SAMPLE_RATE_HZ, Codec, Frame, silence

WINDOW_S = 4.0
JITTER_S = 0.004  # of the line


def drifted(ppm: float, minutes: float, speech: Sound, seed: int = 1) -> dict[str, object]:
    """One call in which the listener's seconds are longer by `ppm` millionths."""
    dice = random.Random(seed)
    anna, bert = (MediaSession(random.Random(f"{seed} {i}").randbytes) for i in range(2))
    for session, keys in ((anna, KEYS), (bert, KEYS[::-1])):
        session.handle(PrepareMedia(Codec.PCMA, BERT if session is anna else ANNA, *keys), 0.0)
        session.handle(StartMedia(), 0.0)
    frames = list(speech.reshape(-1, FRAME_SAMPLES))
    heard: list[Frame] = []
    on_the_way: list[tuple[float, bytes]] = []
    clock = 1 + ppm * 1e-6
    said = samples = 0
    while samples < minutes * 60 * SAMPLE_RATE_HZ / clock:
        now_s = (samples / SAMPLE_RATE_HZ + 0.010) * clock
        while said * FRAME_S <= now_s:
            for message in anna.capture(frames[said % len(frames)], said * FRAME_S):
                if isinstance(message, SendDatagram):
                    arrival_s = said * FRAME_S + 0.001 + dice.uniform(0, JITTER_S)
                    on_the_way.append((arrival_s, message.data))
            said += 1
        for arrival_s, data in on_the_way:
            if arrival_s <= now_s:
                bert.handle(DatagramReceived(data, ANNA), arrival_s)
        on_the_way = [one for one in on_the_way if one[0] > now_s]
        for message in bert.on_time(now_s):
            if isinstance(message, SendDatagram):
                anna.handle(DatagramReceived(message.data, BERT), now_s)
        anna.on_time(now_s)
        frame = bert.playout(now_s, is_free=True)
        heard.append(silence() if frame is None else frame)
        samples += len(heard[-1])
    return _judged(speech, np.concatenate(heard), clock, bert)


def _judged(speech: Sound, heard: Sound, clock: float, bert: MediaSession) -> dict[str, object]:
    window = round(WINDOW_S * SAMPLE_RATE_HZ)
    spoken = np.tile(speech, 3)
    delays_ms = []
    for begin_s in range(30, int(len(heard) / SAMPLE_RATE_HZ) - 10, 20):
        begin = begin_s * SAMPLE_RATE_HZ
        heard_at_s = begin / SAMPLE_RATE_HZ * clock + 0.010 * clock
        # what was being said then, and up to a second before
        said = round((heard_at_s - 1.0) * SAMPLE_RATE_HZ) % len(speech)
        match = find(heard[begin : begin + window], spoken[said : said + window + SAMPLE_RATE_HZ])
        delays_ms.append(1000 * (1.0 - match.delay_samples / SAMPLE_RATE_HZ + FRAME_S))
    (report,) = bert.handle(StopMedia(), 0.0)
    assert isinstance(report, MediaReported)
    return {
        "delay_ms": {
            "first": round(delays_ms[0], 1),
            "min": round(min(delays_ms), 1),
            "max": round(max(delays_ms), 1),
            "mean": round(float(np.mean(delays_ms)), 1),
        },
        "frames_concealed": report.counters.frames_concealed,
        "packets_late": report.counters.packets_late,
        "longest_silence_ms": _longest_silence_ms(heard),
    }


def _longest_silence_ms(heard: Sound) -> float:
    """Of digital zero, after the beginning; the speech itself has none."""
    loud = np.flatnonzero(heard[SAMPLE_RATE_HZ:])
    return round(float(np.diff(loud).max()) * 1000 / SAMPLE_RATE_HZ, 1)


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--ppm", type=float, default=200)
    arguments = parser.parse_args()
    rng = np.random.Generator(np.random.PCG64(1))
    speech = np.concatenate([one.sound for one in corpus()])
    speech = speech + rng.integers(-3, 4, len(speech), dtype=np.int16)  # no digital silence
    report = {
        f"{ppm:+.0f} ppm": drifted(ppm, arguments.minutes, speech)
        for ppm in (arguments.ppm, -arguments.ppm)
    }
    print(json.dumps({"minutes": arguments.minutes, **report}, indent=1))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
