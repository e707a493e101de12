"""The page's buffer before its loudspeaker, in a browser, with a clock turned by hand."""

from __future__ import annotations

import base64
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soxr
from playwright.sync_api import Page, sync_playwright

from firmware.demo.measure import Sound, cut, delays, find, quality, read_wav
from firmware.model import FRAME_SAMPLES, SAMPLE_RATE_HZ
from tests.web.browser import chromium, whole

FIRMWARE = Path(__file__).parents[2] / "firmware"
WORKLET = (FIRMWARE / "web" / "static" / "worklet.js").read_text()
SPEECH = read_wav(FIRMWARE / "demo" / "speech" / "kennedy.wav")
PESQ_MIN = 4.58  # of 4.64
CARD_HZ = 48_000
CARD_TAKES_MS = 20.0  # at a time, as many sound cards do
# The audio thread: what has come is taken, then the card's quanta follow in one go.
PLAY = """({ worklet, cardHz, takesMs, sound, arrivals }) => {
  const made = {}, told = [], heard = [], quantum = 128;
  globalThis.currentTime = 0;
  class Processor { constructor() { this.port = { postMessage: figures => told.push(figures) }; } }
  new Function("AudioWorkletProcessor", "registerProcessor", "sampleRate", worklet)(
    Processor, (name, of) => { made[name] = of; }, cardHz);
  const ear = new made.ear(), bytes = Uint8Array.from(atob(sound), each => each.charCodeAt(0));
  const end = arrivals.at(-1) + 200, period = bytes.length / arrivals.length;
  let taken = 0, played = 0;
  for (let now = 0; now < end; now += takesMs) {
    for (; taken < arrivals.length && arrivals[taken] <= now; taken++) {
      const frame = new Uint8Array(4 + period);
      frame.set(bytes.subarray(taken * period, (taken + 1) * period), 4);
      ear.take(frame.buffer);
    }
    for (; played < (now + takesMs) * cardHz / 1000; played += quantum) {
      globalThis.currentTime = played / cardHz;
      const output = new Float32Array(quantum);
      ear.process([], [[output]]);
      heard.push(...output);
    }
  }
  const samples = Int16Array.from(heard, each => Math.round(32767 * each));
  let text = "";
  for (const byte of new Uint8Array(samples.buffer)) text += String.fromCharCode(byte);
  return { heard: btoa(text), told };
}"""


@dataclass(frozen=True)
class Heard:
    sound: Sound
    told: list[dict[str, float]]  # once a second

    def quality(self) -> float:
        match = find(SPEECH, self.sound)
        heard = cut(self.sound, match.delay_samples, len(SPEECH))
        return quality(SPEECH, heard, wideband=True) or 0.0


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = chromium(playwright)
        yield browser.new_page()
        browser.close()


def play(page: Page, sound: Sound, arrivals_ms: list[float]) -> Heard:
    """What is heard of frames that come at these times."""
    given = {
        "worklet": WORKLET, "cardHz": CARD_HZ, "takesMs": CARD_TAKES_MS,
        "sound": base64.b64encode(sound.astype("<i2").tobytes()).decode(),
        "arrivals": arrivals_ms,
    }  # fmt: skip
    found = page.evaluate(PLAY, given)
    heard = np.frombuffer(base64.b64decode(found["heard"]), dtype="<i2")
    return Heard(soxr.resample(heard, CARD_HZ, SAMPLE_RATE_HZ).astype(np.int16), found["told"])


def on_time(sound: Sound, seed: int = 1, jitter_ms: float = 12.0) -> list[float]:
    """A frame each 20 ms, each a little late, none before the one before it."""
    chance = random.Random(seed)
    late = [20.0 * i + chance.uniform(0, jitter_ms) for i in range(len(sound) // FRAME_SAMPLES)]
    return list(np.maximum.accumulate(late))


def held_up(arrivals_ms: list[float], from_ms: float, for_ms: float) -> list[float]:
    """All that came then comes in one go at its end."""
    end_ms = from_ms + for_ms
    return [end_ms if from_ms <= each < end_ms else each for each in arrivals_ms]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_first_words_of_a_call_are_heard_as_they_were_said(page: Page, seed: int) -> None:
    heard = play(page, SPEECH, on_time(SPEECH, seed))
    assert heard.told[-1]["dry"] == 0
    score = heard.quality()
    assert score >= PESQ_MIN, f"PESQ {score:.2f}, seed {seed}"


def test_what_was_held_up_is_made_good_in_the_pauses(page: Page) -> None:
    sound = np.concatenate([SPEECH, SPEECH])
    heard = play(page, sound, held_up(on_time(sound), 1500, 110))
    assert heard.told[-1]["dry"] == 1
    assert max(each["buffer_ms"] for each in heard.told) > 80
    assert heard.told[-1]["buffer_ms"] < 50
    late = heard.sound[len(SPEECH) :]
    around = find(SPEECH, late).delay_samples
    assert len(delays(SPEECH, late, around)) >= 9, "the speed of the voice changes"


def test_end_of_a_call_is_no_reason_for_a_longer_buffer(page: Page) -> None:
    first = on_time(SPEECH)
    silence_ms = 1000.0
    again = [first[-1] + silence_ms + each for each in first]
    heard = play(page, np.concatenate([SPEECH, SPEECH]), first + again)
    assert [each["dry"] for each in heard.told][-1] == 0
    reserves_ms = [each["reserve_ms"] for each in heard.told]
    assert reserves_ms == sorted(reserves_ms, reverse=True)
    assert reserves_ms[-1] < reserves_ms[0]


@pytest.mark.parametrize("begun_s", [0.5, 4.0, 9.0])
def test_speech_said_again_and_again_is_found_whole(begun_s: float) -> None:
    begun = round(begun_s * SAMPLE_RATE_HZ)
    heard = np.tile(SPEECH, 4)[begun : begun + 2 * len(SPEECH)]
    assert np.array_equal(whole(SPEECH, heard), SPEECH)


def test_speech_whose_pauses_were_shortened_is_found_whole() -> None:
    quiet = np.flatnonzero(np.abs(SPEECH).reshape(-1, FRAME_SAMPLES).max(axis=1) < 200)
    first = np.delete(SPEECH, [FRAME_SAMPLES * each + i for each in quiet[::4] for i in range(60)])
    heard = np.concatenate([np.zeros(64_000, np.int16), first, SPEECH[: 5 * SAMPLE_RATE_HZ]])
    score = quality(SPEECH, whole(SPEECH, heard), wideband=True)
    assert score is not None
    assert score > 4.0, f"PESQ {score:.2f}"


def test_sound_without_a_pause_keeps_its_pitch(page: Page) -> None:
    tone = (
        8000 * np.sin(np.arange(12 * SAMPLE_RATE_HZ) * 2 * np.pi * 440 / SAMPLE_RATE_HZ)
    ).astype(np.int16)
    heard = play(page, tone, held_up(on_time(tone), 1500, 110)).sound
    second = heard[10 * SAMPLE_RATE_HZ : 11 * SAMPLE_RATE_HZ].astype(float)
    spectrum = np.abs(np.fft.rfft(second * np.hanning(len(second)), 8 * len(second)))
    assert abs(np.argmax(spectrum) / 8 - 440) <= 0.3, "a part in 2000, and what is seen of it"
