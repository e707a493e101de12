"""Services told as stories: codes, prompts and settings, in the deterministic world."""

from __future__ import annotations

import numpy as np

from firmware.codec.recording import Player
from firmware.model import CallState, EndReason
from firmware.ui.prompts import sound_of, texts_of
from tests.scenarios.test_calls import two_phones
from tests.world import PhoneActor, World, heard_since


def says(world: World, who: PhoneActor, since_s: float, prompt: str, language: str = "de") -> bool:
    """Whether the ear has heard this prompt since then, sample by sample."""
    player = Player()
    player.add([sound_of(language, prompt)])
    spoken = []
    while (frame := player.frame()) is not None:
        spoken.append(frame)
    pattern = np.concatenate(spoken).astype(np.float64)
    sound = np.concatenate(heard_since(who, since_s)).astype(np.float64)
    if len(sound) < len(pattern):
        return False
    size = 1 << (len(sound) + len(pattern)).bit_length()
    spectrum = np.fft.rfft(sound, size) * np.conj(np.fft.rfft(pattern, size))
    likeness = np.fft.irfft(spectrum, size)[: len(sound)] / np.sum(np.square(pattern))
    return bool(likeness.max() > 0.9)


def test_emergency_number_is_answered_by_a_spoken_warning_at_once() -> None:
    world, anna, _ = two_phones()
    world.lift(anna)
    world.dial(anna, "112", pause_s=0.0)
    dialled_s = world.now_s
    assert anna.view.reason is EndReason.EMERGENCY
    assert "Use a mobile." in anna.phone.status().picture.lines
    world.run(0.3)
    first = np.concatenate(heard_since(anna, dialled_s))
    assert np.abs(first).max() > 3000
    world.run(6.0)
    assert says(world, anna, dialled_s, "emergency")
    world.replace(anna)
    assert anna.view.state is CallState.IDLE
    world.lift(anna)
    lifted_s = world.now_s
    world.run(6.0)
    assert not says(world, anna, lifted_s, "emergency")
    assert "Notruf" in texts_of("de")["emergency"]
