"""The real demo: two boxes, a network, ten seconds of speech; slow, as speech is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from firmware.demo.measure import read_wav
from firmware.model import SAMPLE_RATE_HZ

TIMEOUT_S = 400.0  # the search for two numbers is luck, and the machine may be busy


def demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "firmware", "demo", *arguments],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def summary_of(out: Path) -> dict[str, Any]:
    summary: dict[str, Any] = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    return summary


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One directory for all runs, so that the numbers are searched once."""
    return tmp_path_factory.mktemp("demo") / "out"


@pytest.mark.slow
@pytest.mark.parametrize("codec", ["opus", "pcma"])
def test_demo_plays_a_call_that_both_hear(out: Path, codec: str) -> None:
    """How soon and how well is measured in `bench`: a busy machine may take its time here."""
    played = demo("--out", str(out), "--codec", codec)
    assert (played.returncode, played.stderr) == (0, ""), played.stdout
    assert "connected" in played.stdout
    summary = summary_of(out)
    assert summary["codec"] == codec
    assert summary["dial_to_ringback_ms"] > 0
    assert summary["answer_to_audio_ms"] > 0
    assert summary["mouth_to_ear_ms"] > 0, "the speech was found in what was heard"
    assert summary["pesq"] is None or summary["pesq"] > 1
    for letter in ("a", "b"):
        assert summary["boxes"][letter]["packets_sent"] > 100
        assert summary["boxes"][letter]["cpu_s"] > 0
        assert summary["boxes"][letter]["rss_mb"] > 0
        assert len(read_wav(out / f"heard_{letter}.wav")) > 10 * SAMPLE_RATE_HZ
    assert len(list(out.glob("oled_*_connected_*.png"))) == 2


def test_demo_with_a_directory_that_cannot_be_made_says_so_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    played = demo("--out", str(tmp_path / "file" / "out"))
    assert played.returncode == 1
    assert played.stderr.count("\n") == 1
    assert str(tmp_path) in played.stderr


def test_demo_that_cannot_write_says_where_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "a" / "box.toml").mkdir(parents=True)
    played = demo("--out", str(tmp_path))
    assert played.returncode == 1
    assert played.stderr.count("\n") == 1
    assert "box.toml" in played.stderr


def test_demo_with_a_damaged_identity_replaces_nothing_and_exits_with_2(tmp_path: Path) -> None:
    identity = tmp_path / "b" / "state" / "identity.json"
    identity.parent.mkdir(parents=True)
    identity.write_text("damaged")
    played = demo("--out", str(tmp_path))
    assert played.returncode == 2
    assert played.stderr.count("\n") == 1
    assert str(identity) in played.stderr
    assert identity.read_text() == "damaged"


@pytest.mark.parametrize("wrong", [("--seed", "x"), ("--codec", "mp3"), ("--nonsense",)])
def test_demo_with_wrong_arguments_exits_with_2(wrong: tuple[str, ...]) -> None:
    assert demo(*wrong).returncode == 2
