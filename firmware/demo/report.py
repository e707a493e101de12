"""What the demo leaves behind: figures, pictures and a summary for people.

Times come from what the earpieces played, compared with the hands that moved and with what was said
into the microphones; packets and load are the boxes' own counts.
Units: milliseconds where a key says `_ms`, `_s` monotonic seconds.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firmware.demo.measure import (
    cut,
    delays,
    find,
    quality,
    read_wav,
    seconds_of_speech,
    tone_onset,
)
from firmware.demo.picture import write_png
from firmware.demo.story import Moment, Recording
from firmware.model import SAMPLE_RATE_HZ, Codec
from firmware.shell.control import Answer

HEARD_MIN = 0.8  # of the seconds spoken; less, and the call did not work
RINGBACK_HZ = 425.0  # of COUNTRY in actor.py
LETTERS = ("a", "b")  # caller, callee

Summary = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Side:
    """One box: the file that was spoken into it, and the recording of what it played."""

    speech: Path
    heard: Path


@dataclass(frozen=True, slots=True)
class Direction:
    """How the speech of one side arrived at the other; None = it did not."""

    mouth_to_ear_ms: float | None
    mouth_to_ear_max_ms: float | None  # of its seconds, since a jitter buffer moves
    pesq: float | None  # None also without the package `pesq`
    heard_s: float | None  # when its first sample was heard, monotonic
    heard: float  # share of the spoken seconds that were heard, 0 to 1


def summarise(recording: Recording, sides: tuple[Side, Side], seed: int) -> Summary:
    """All figures of the demo, as they stand in summary.json."""
    caller, callee = recording.in_call
    codec = Codec(caller["codec"])
    directions = {
        "a_to_b": compare(sides[0], started_s(caller)[0], sides[1], started_s(callee)[1], codec),
        "b_to_a": compare(sides[1], started_s(callee)[0], sides[0], started_s(caller)[1], codec),
    }
    both = list(directions.values())
    ringback_s = heard_ringback_s(recording, sides[0].heard)
    return {
        "dial_to_ringback_ms": _between_ms(recording.twelfth_key_s, ringback_s),
        "answer_to_audio_ms": _between_ms(recording.answer_s, directions["b_to_a"].heard_s),
        "mouth_to_ear_ms": _worst(max, [direction.mouth_to_ear_ms for direction in both]),
        "codec": codec.value,
        "pesq": _worst(min, [direction.pesq for direction in both]),
        "path": caller["path"],
        "seed": seed,
        "directions": {name: _direction(direction) for name, direction in directions.items()},
        "boxes": {letter: box(recording, index) for index, letter in enumerate(LETTERS)},
    }


def heard_ringback_s(recording: Recording, heard: Path) -> float | None:
    """When the ringback tone began in the caller's ear."""
    ear_s = started_s(recording.in_call[0])[1]
    if ear_s is None:
        return None
    from_sample = round((recording.twelfth_key_s - ear_s) * SAMPLE_RATE_HZ)
    onset = tone_onset(read_wav(heard), RINGBACK_HZ, from_sample)
    return None if onset is None else ear_s + onset / SAMPLE_RATE_HZ


def compare(
    speaker: Side, mouth_s: float | None, listener: Side, ear_s: float | None, codec: Codec
) -> Direction:
    """One direction; `mouth_s` and `ear_s` say when the speech and the recording began."""
    spoken, ear = read_wav(speaker.speech), read_wav(listener.heard)
    match = find(spoken, ear)
    found = delays(spoken, ear, match.delay_samples)
    share = len(found) / max(1, seconds_of_speech(spoken))
    if share < HEARD_MIN or mouth_s is None or ear_s is None:
        return Direction(None, None, None, None, round(share, 3))
    aligned = cut(ear, match.delay_samples, len(spoken))
    score = quality(spoken, aligned, wideband=codec is Codec.OPUS)
    return Direction(
        mouth_to_ear_ms=_ms(statistics.median(found) / SAMPLE_RATE_HZ + ear_s - mouth_s),
        mouth_to_ear_max_ms=_ms(max(found) / SAMPLE_RATE_HZ + ear_s - mouth_s),
        pesq=None if score is None else round(score, 2),
        heard_s=found[0] / SAMPLE_RATE_HZ + ear_s,
        heard=round(share, 3),
    )


def started_s(status: Answer) -> tuple[float | None, float | None]:
    """When the microphone and the recording of the earpiece began."""
    return status["audio"]["capture_started_s"], status["audio"]["playback_started_s"]


def box(recording: Recording, index: int) -> Summary:
    """The figures of one box; CPU seconds include the search for its number, if it had none."""
    after, in_call = recording.after[index], recording.in_call[index]
    talking_s = in_call["process"]["cpu_s"] - recording.at_answer[index]["process"]["cpu_s"]
    return {
        "number": after["number"],
        "packets_sent": after["rtp"]["packets_sent"],
        "packets_received": after["rtp"]["packets_received"],
        "packets_lost": after["rtp"]["packets_lost"],
        "packets_late": after["rtp"]["packets_late"],
        "frames_concealed": after["rtp"]["frames_concealed"],
        "overruns": in_call["audio"]["overruns"],
        "underruns": in_call["audio"]["underruns"],
        "cpu_s": after["process"]["cpu_s"],
        "cpu_share_in_call": round(talking_s / recording.talk_s, 4),
        "rss_mb": after["process"]["rss_mb"],
    }


def save(summary: Summary, moments: Sequence[Moment], out: Path) -> None:
    """Write summary.json, and the OLEDs of each moment as PNG."""
    for old in out.glob("oled_*.png"):
        old.unlink()
    for index, moment in enumerate(moments, start=1):
        for letter, picture in zip(LETTERS, moment.pictures, strict=True):
            write_png(picture, out / f"oled_{index}_{moment.name}_{letter}.png")
    text = json.dumps(summary, indent=2, ensure_ascii=False)
    (out / "summary.json").write_text(text + "\n", encoding="utf-8")


def for_people(summary: Summary, out: Path) -> str:
    """The summary as a few lines."""
    pesq = "not measured (package pesq)" if summary["pesq"] is None else f"{summary['pesq']:.2f}"
    lines = [
        f"twelfth key to ringback  {_shown(summary['dial_to_ringback_ms'])}",
        f"lifting to first speech  {_shown(summary['answer_to_audio_ms'])}",
        f"mouth to ear (software)  {_shown(summary['mouth_to_ear_ms'])}",
        f"codec {summary['codec']}, speech quality (PESQ) {pesq}",
    ]
    for letter, figures in summary["boxes"].items():
        lines.append(
            f"box {letter}: {figures['packets_sent']} packets sent, {figures['packets_lost']} lost,"
            f" {figures['packets_late']} late; {figures['cpu_share_in_call']:.1%} of a CPU in the"
            f" call, {figures['rss_mb']:.0f} MB"
        )
    lines.append(f"recordings, pictures and summary.json are in {out}")
    return "".join(line + "\n" for line in lines)


def _direction(direction: Direction) -> Summary:
    return {
        "mouth_to_ear_ms": direction.mouth_to_ear_ms,
        "mouth_to_ear_max_ms": direction.mouth_to_ear_max_ms,
        "pesq": direction.pesq,
        "heard": direction.heard,
    }


def _worst(
    choose: Callable[[Sequence[float]], float], values: Sequence[float | None]
) -> float | None:
    known = [value for value in values if value is not None]
    return choose(known) if len(known) == len(values) else None


def _between_ms(start_s: float, end_s: float | None) -> float | None:
    return None if end_s is None else _ms(end_s - start_s)


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)


def _shown(milliseconds: float | None) -> str:
    return "never" if milliseconds is None else f"{milliseconds:7.1f} ms"
