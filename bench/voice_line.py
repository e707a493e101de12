"""How speech sounds after bad lines: two sessions of one call in virtual time, both speaking.

`python -m bench.voice_line [--codec opus] [--only loss] [--seeds 3] [--speakers 7]` prints one JSON
object: per condition and codec the mean of PESQ (wideband for Opus, narrowband for G.711) over
speakers and seeds, the delay from mouth to ear (sound cards take no time here), CPU
seconds of one end per minute of call, and what redundancy added to the bit rate. The line and the
speech: line.py and speech.py of bench/voice/. Every seed plays at another moment between two
packets.
"""

from __future__ import annotations

import argparse
import heapq
import json
import random
import statistics
import time
from dataclasses import dataclass, field

import numpy as np

from bench.voice.line import LINES, Line, LineModel
from bench.voice.speech import Speech, corpus, scored
from firmware.demo.measure import Sound
from firmware.events import DatagramReceived, Message, PrepareMedia, SendDatagram, StartMedia
from firmware.media.session import MediaSession
from firmware.model import FRAME_S, FRAME_SAMPLES, SAMPLE_RATE_HZ, Codec, Endpoint, Frame, silence

ANNA, BERT = Endpoint("192.0.2.1", 6881), Endpoint("198.51.100.2", 6881)
KEYS = (bytes(range(28)), bytes(range(100, 128)))
LEAD_FRAMES = 50  # of silence: who is called lifts the handset before he speaks
TAIL_FRAMES = 25  # of silence, so that the last word arrives


@dataclass(slots=True, eq=False)
class End:
    """One end of the call: its session, its line away from it, when its sound card has its turn."""

    session: MediaSession
    name: Endpoint
    line: LineModel
    frames: list[Frame]
    phase_s: float  # of capture
    play_phase_s: float
    clock: float = 1.0  # its seconds are so long
    heard: list[Frame] = field(default_factory=list)
    bytes_sent: int = 0
    packets_sent: int = 0


def call(
    codec: Codec,
    line: Line,
    speech: tuple[Sound, Sound],
    seed: int,
    play_phases_s: tuple[float, float] | None = None,
) -> tuple[End, End]:
    """Two people say `speech` to each other; returns both ends with what they heard."""
    dice = random.Random(f"phase {seed}")
    ends = []
    for i, name in enumerate((ANNA, BERT)):
        session = MediaSession(random.Random(f"{name} {seed}").randbytes)
        keys = KEYS if i == 0 else KEYS[::-1]
        session.handle(PrepareMedia(codec, (BERT, ANNA)[i], *keys), 0.0)
        session.handle(StartMedia(), 0.0)
        frames = [silence()] * LEAD_FRAMES + list(speech[i].reshape(-1, FRAME_SAMPLES))
        phase_s, play_phase_s = dice.uniform(0, FRAME_S), dice.uniform(0, FRAME_S)
        if play_phases_s is not None:
            play_phase_s = play_phases_s[i]
        model = line.model(2 * seed + i)
        ends.append(End(session, name, model, frames, phase_s, play_phase_s))
    anna, bert = ends
    _run(anna, bert, max(len(end.frames) for end in ends) + TAIL_FRAMES)
    return anna, bert


def _run(anna: End, bert: End, ticks: int) -> None:
    agenda: list[tuple[float, int, int, End, bytes]] = []  # time, kind, order, whose, what
    order = 0

    def perform(end: End, messages: list[Message], now_s: float) -> None:
        nonlocal order
        other = bert if end is anna else anna
        for message in messages:
            if isinstance(message, SendDatagram):
                end.bytes_sent += len(message.data)
                end.packets_sent += 1
                for transit_s in end.line.transits_s(now_s, len(message.data)):
                    order += 1
                    heapq.heappush(agenda, (now_s + transit_s, 0, order, other, message.data))

    for end in (anna, bert):
        for tick in range(ticks):
            at_s = (end.phase_s + tick * FRAME_S) * end.clock
            agenda.append((at_s, 1, tick, end, b""))
        agenda.append(((end.phase_s + end.play_phase_s) * end.clock, 2, 0, end, b""))
    agenda.sort(key=lambda item: item[:3])
    end_s = max(at_s for at_s, *_ in agenda)
    while agenda:
        now_s, kind, tick, end, data = heapq.heappop(agenda)
        deadline_s = end.session.deadline_s()
        if deadline_s is not None and deadline_s <= now_s:
            perform(end, end.session.on_time(now_s), now_s)
        if kind == 0:
            source = ANNA if end is bert else BERT
            perform(end, end.session.handle(DatagramReceived(data, source), now_s), now_s)
        elif kind == 1:
            frame = end.frames[tick] if tick < len(end.frames) else silence()
            perform(end, end.session.capture(frame, now_s), now_s)
        else:
            heard = end.session.playout(now_s, is_free=True)
            end.heard.append(silence() if heard is None else heard)
            next_s = now_s + len(end.heard[-1]) / SAMPLE_RATE_HZ * end.clock
            if next_s < end_s:
                order += 1
                heapq.heappush(agenda, (next_s, 2, order, end, b""))


def measured(codec: Codec, line: Line, speech: list[Speech], seeds: int) -> dict[str, float]:
    """The means of one cell of the matrix."""
    scores, delays_s, cpu_s, rates = [], [], [], []
    for i, one in enumerate(speech):
        other = speech[(i + 1) % len(speech)]
        for seed in range(seeds):
            began_s = time.process_time()
            ends = call(codec, line, (one.sound, other.sound), 100 * i + seed)
            minutes = sum(map(len, ends[0].heard)) / SAMPLE_RATE_HZ / 60
            cpu_s.append((time.process_time() - began_s) / 2 / minutes)
            for end, source, said in ((ends[1], ends[0], one), (ends[0], ends[1], other)):
                score, late_s, _ = scored(
                    said.sound, np.concatenate(end.heard), wideband=codec is Codec.OPUS
                )
                # what is captured at a tick has been spoken in the 20 ms before
                late_s -= LEAD_FRAMES * FRAME_S
                delay_s = late_s + FRAME_S + end.phase_s + end.play_phase_s - source.phase_s
                scores.append(score)
                delays_s.append(delay_s)
                rates.append(8 * source.bytes_sent / (source.packets_sent * FRAME_S))
    return {
        "pesq": round(statistics.mean(scores), 3),
        "pesq_min": round(min(scores), 2),
        "delay_ms": round(1000 * statistics.mean(delays_s), 1),
        "delay_max_ms": round(1000 * max(delays_s), 1),
        "cpu_s_per_minute": round(statistics.median(cpu_s), 2),
        "kbit_s": round(statistics.mean(rates) / 1000, 1),
    }


def main() -> int:
    """Print the matrix."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--codec", choices=[one.value for one in Codec])
    parser.add_argument("--only", default="", help="conditions whose name holds this")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--speakers", type=int, default=99)
    arguments = parser.parse_args()
    speech = corpus()[: arguments.speakers]
    codecs = [Codec(arguments.codec)] if arguments.codec else [Codec.OPUS, Codec.PCMA]
    cells = {
        f"{codec.value}, {name}": measured(codec, line, speech, arguments.seeds)
        for codec in codecs
        for name, line in LINES.items()
        if arguments.only in name
    }
    report = {"speakers": [one.name for one in speech], "seeds": arguments.seeds, "cells": cells}
    text = json.dumps(report, indent=1)
    print(text.replace(",\n   ", ", ").replace("{\n   ", "{").replace("\n  }", "}"))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
