"""The summary says what the clocks, the counters and the recordings say."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from firmware.demo.measure import Sound
from firmware.demo.report import Side, compare, for_people, save, summarise
from firmware.demo.story import Moment, Recording
from firmware.model import SAMPLE_RATE_HZ, Codec, RtpCounters
from firmware.shell.control import Answer
from tests.demo.pictures import picture
from tests.demo.sounds import after, babble, tone, write_wav

CALLER_SPEECH, CALLEE_SPEECH = babble(5, seed=1), babble(5, seed=2)
CAPTURE_STARTED_S = 110.0  # both microphones
KEYS_FOR_SCRIPTS = ("packets_sent", "packets_lost", "packets_late", "cpu_s", "rss_mb")


def status(playback_started_s: float, cpu_s: float) -> Answer:
    return {
        "number": "471108151234",
        "codec": "pcma",
        "path": "direct",
        "audio": {
            "capture_started_s": CAPTURE_STARTED_S,
            "playback_started_s": playback_started_s,
            "overruns": 0,
            "underruns": 1,
        },
        "process": {"cpu_s": cpu_s, "rss_mb": 61.5},
        "rtp": asdict(RtpCounters(packets_sent=500, packets_lost=2, packets_late=3)),
    }


def recording() -> Recording:
    """Caller's ear open from 100 s, callee's from 109 s on."""
    return Recording(
        moments=(Moment("ready", (picture(), picture((1, 1)))),),
        twelfth_key_s=105.0,
        answer_s=109.9,
        talk_s=10.0,
        at_answer=(status(100.0, 2.0), status(109.0, 2.5)),
        in_call=(status(100.0, 3.0), status(109.0, 3.0)),
        after=(status(100.0, 3.5), status(109.0, 3.5)),
    )


def sides(tmp_path: Path, caller_hears: Sound, callee_hears: Sound) -> tuple[Side, Side]:
    files = {
        "a.wav": CALLER_SPEECH,
        "b.wav": CALLEE_SPEECH,
        "heard_a.wav": caller_hears,
        "heard_b.wav": callee_hears,
    }
    for name, sound in files.items():
        write_wav(tmp_path / name, sound)
    return (
        Side(tmp_path / "a.wav", tmp_path / "heard_a.wav"),
        Side(tmp_path / "b.wav", tmp_path / "heard_b.wav"),
    )


def good_call(tmp_path: Path) -> tuple[Side, Side]:
    """The caller hears the callee after 80 ms, the callee hears the caller after 100 ms.

    The caller hears the dial tone at 100 s, a key at 105 s, ringback at 105.25 s, speech at 110.08.
    """
    caller_hears = np.concatenate(
        [
            tone(2.0),
            after(3 * SAMPLE_RATE_HZ, tone(0.2, hz=697.0)),
            after(SAMPLE_RATE_HZ // 20, tone(1.0)),
            after(int(3.83 * SAMPLE_RATE_HZ), CALLEE_SPEECH),
            tone(0.5),
        ]
    )
    return sides(tmp_path, caller_hears, after(int(1.1 * SAMPLE_RATE_HZ), CALLER_SPEECH))


def test_summary_has_every_figure_that_scripts_read(tmp_path: Path) -> None:
    summary = summarise(recording(), good_call(tmp_path), seed=7)
    assert 244.0 <= summary["dial_to_ringback_ms"] <= 250.0
    assert summary["answer_to_audio_ms"] == 180.0
    assert summary["mouth_to_ear_ms"] == 100.0  # the worse of both directions
    assert summary["codec"] == "pcma"
    assert summary["directions"]["b_to_a"]["mouth_to_ear_ms"] == 80.0
    for letter in ("a", "b"):
        assert set(KEYS_FOR_SCRIPTS) <= set(summary["boxes"][letter])
    assert summary["boxes"]["a"]["packets_lost"] == 2
    assert summary["boxes"]["a"]["cpu_share_in_call"] == 0.1
    assert summary["boxes"]["b"]["cpu_share_in_call"] == 0.05


def test_direction_that_was_not_heard_has_no_delay_and_no_quality(tmp_path: Path) -> None:
    one_way = sides(tmp_path, tone(15.0), after(17_600, CALLER_SPEECH))
    summary = summarise(recording(), one_way, seed=7)
    assert summary["directions"]["b_to_a"]["mouth_to_ear_ms"] is None
    assert summary["directions"]["a_to_b"]["mouth_to_ear_ms"] == 100.0
    assert summary["mouth_to_ear_ms"] is None
    assert summary["answer_to_audio_ms"] is None
    assert summary["pesq"] is None
    assert "never" in for_people(summary, tmp_path)


def test_speech_heard_for_the_smaller_part_does_not_count_as_heard(tmp_path: Path) -> None:
    half = CALLER_SPEECH.copy()
    half[len(half) // 2 :] = 0
    caller, callee = sides(tmp_path, tone(1.0), half)
    direction = compare(caller, 7.0, callee, 7.0, Codec.OPUS)
    assert direction.mouth_to_ear_ms is None
    assert 0 < direction.heard < 0.8


def test_jitter_buffer_that_moved_shows_in_the_greatest_delay(tmp_path: Path) -> None:
    gap = np.zeros(640, dtype=np.int16)
    grown = np.concatenate([CALLER_SPEECH[:64_000], gap, CALLER_SPEECH[64_000:]])
    caller, callee = sides(tmp_path, tone(1.0), after(800, grown))
    direction = compare(caller, 7.0, callee, 7.0, Codec.OPUS)
    assert (direction.mouth_to_ear_ms, direction.mouth_to_ear_max_ms) == (50.0, 90.0)


def test_saved_files_are_the_summary_and_a_picture_of_each_oled(tmp_path: Path) -> None:
    (tmp_path / "oled_9_of_the_last_run_a.png").touch()
    summary = summarise(recording(), good_call(tmp_path), seed=7)
    save(summary, recording().moments, tmp_path)
    assert json.loads((tmp_path / "summary.json").read_text()) == summary
    pictures = sorted(path.name for path in tmp_path.glob("*.png"))
    assert pictures == ["oled_1_ready_a.png", "oled_1_ready_b.png"]


@pytest.mark.parametrize("missing", ["capture_started_s", "playback_started_s"])
def test_box_whose_sound_never_started_has_no_delay(tmp_path: Path, missing: str) -> None:
    played = recording()
    for one in played.in_call:
        one["audio"][missing] = None
    summary = summarise(played, good_call(tmp_path), seed=7)
    assert summary["mouth_to_ear_ms"] is None
    assert summary["answer_to_audio_ms"] is None
    assert (summary["dial_to_ringback_ms"] is None) == (missing == "playback_started_s")


def test_ringback_that_was_not_heard_has_no_time(tmp_path: Path) -> None:
    caller, callee = good_call(tmp_path)
    write_wav(caller.heard, after(int(10.08 * SAMPLE_RATE_HZ), CALLEE_SPEECH))
    assert summarise(recording(), (caller, callee), seed=7)["dial_to_ringback_ms"] is None


def test_summary_for_people_names_each_figure_and_the_directory(tmp_path: Path) -> None:
    text = for_people(summarise(recording(), good_call(tmp_path), seed=7), tmp_path)
    for words in ("180.0 ms", "100.0 ms", "pcma", "500 packets sent", str(tmp_path)):
        assert words in text
