"""The announcer: what the box itself says in the earpiece, and its text for the display.

Knows no service: others say what is to be said. `frame` belongs to the sound plane; what is said
goes before tones and speech. Without libopus nothing is heard, but all is shown, for as long.
Units: `_s` monotonic seconds.
"""

from __future__ import annotations

from firmware.codec.opus import is_available
from firmware.codec.recording import Player, duration_s
from firmware.codec.tones import ramp
from firmware.events import CallChanged, Message
from firmware.events.services import Announced, FetchSounds, Hush, Said, Say, SoundsFetched
from firmware.model import CallState, Frame
from firmware.number import display
from firmware.ui.prompts import language_of, sound_of, texts_of

LATE_S = 0.1  # the ear may be this much behind before the end is told


class Announcer:
    """The core of what is said."""

    def __init__(self, country: str, language: str = "") -> None:
        """Without a `language` the country decides."""
        self._language = language or language_of(country)
        self._player = Player()
        self._until_s: float | None = None
        self._fading: Frame | None = None  # the rest of what was interrupted

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        """Take Say and Hush; putting the handset down is a Hush, too."""
        if isinstance(fact, Say):
            return self._say(fact, now_s)
        if isinstance(fact, FetchSounds):
            return [SoundsFetched(tuple(self._sounds(fact.words)))]
        if isinstance(fact, Hush) or (
            isinstance(fact, CallChanged) and fact.view.state is CallState.IDLE
        ):
            return self._stop()
        return []

    def on_time(self, now_s: float) -> list[Message]:
        """Tell that all was said."""
        if self._until_s is None or now_s < self._until_s:
            return []
        self._until_s = None
        return [Said()]

    def deadline_s(self) -> float | None:
        """When all will have been said."""
        return self._until_s

    def frame(self) -> Frame | None:
        """The next 20 ms; None = nothing is said."""
        if self._fading is not None:
            faded, self._fading = self._fading, None
            return faded
        return self._player.frame()

    def _say(self, say: Say, now_s: float) -> list[Message]:
        self._stop()
        sounds = self._sounds(say.words)
        sounds += [say.recording] if say.recording else []
        self._until_s = now_s + LATE_S + sum(map(duration_s, sounds))
        if is_available():
            self._player.add(sounds)
        text = " ".join(text_of(word, self._language) for word in say.words)
        return [Announced(" ".join(text.split()))]

    def _sounds(self, words: tuple[str, ...]) -> list[bytes]:
        names = [name for word in words for name in prompts_of(word, self._language)]
        return [sound_of(self._language, name) for name in names]

    def _stop(self) -> list[Message]:
        if self._until_s is None:
            return []
        self._until_s = None
        rest = self._player.frame()
        if rest is not None:  # 5 ms of it, so that it does not click
            falling = ramp()[::-1]
            rest[: len(falling)] = (rest[: len(falling)] * falling).astype(rest.dtype)
            rest[len(falling) :] = 0
            self._fading = rest
        self._player.clear()
        return [Announced("")]


def prompts_of(word: str, language: str) -> list[str]:
    """The prompts that one word is spoken by."""
    if word.startswith("="):
        return list(word[1:])
    if ":" not in word:
        return [word]
    hour, minute = (str(int(part)) for part in word.split(":"))
    if language == "de":
        return [hour, "clock", *([minute] if minute != "0" else [])]
    if minute == "0":
        return [hour, "clock"]
    return [hour, *(["0"] if len(minute) == 1 else []), minute]


def text_of(word: str, language: str) -> str:
    """One word as it is shown."""
    if word.startswith("="):
        return display(word[1:])
    if word == "beep":
        return ""
    return texts_of(language).get(word, word)
