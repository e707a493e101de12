"""What the demo writes for a box before it starts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from firmware.config import parse_config
from firmware.demo.actor import CALLEE, CALLER, Place, configure, keep_identity
from firmware.identity import IdentityFile
from firmware.model import Codec
from firmware.state import IDENTITY, StateDir

BOOTSTRAP = ("127.0.0.1:6001", "127.0.0.1:6002")


@pytest.mark.parametrize("out", ["/somewhere", '/with "quotes" and \\', "/Gespräche/☎"])
def test_configuration_is_read_by_the_box_as_it_was_meant(out: str) -> None:
    role = replace(CALLER, name='Jack "the voice"', speech=Path(out) / "speech.wav")
    config = parse_config(configure(role, Path(out), BOOTSTRAP, Codec.PCMU), "box.toml")
    assert config.identity.name == role.name
    assert config.network.bootstrap == BOOTSTRAP
    assert config.network.bind == "127.0.0.1:0"
    assert not config.network.mdns
    assert config.hardware.kind == "simulated"
    assert config.audio.capture == f"file:{role.speech}"
    assert config.audio.playback == f"file:{out}/heard_a.wav"
    assert config.codec.preference == (Codec.PCMU,)


def test_places_of_the_two_boxes_do_not_meet() -> None:
    one, other = Place.of(CALLER, Path("/x")), Place.of(CALLEE, Path("/x"))
    assert not {one.config, one.state, one.log, one.heard} & {
        other.config,
        other.state,
        other.log,
        other.heard,
    }


def test_identity_depends_on_seed_and_role_and_on_nothing_else(tmp_path: Path) -> None:
    keys = set()
    for index, (role, seed) in enumerate(
        [(CALLER, 1), (CALLER, 1), (CALLER, 2), (CALLEE, 1), (CALLEE, 2)]
    ):
        state = StateDir(tmp_path / str(index))
        keep_identity(state, role, seed)
        keys.add(state.load_identity().identity.public_key)
    assert len(keys) == 4


def test_identity_with_its_number_is_kept_for_the_next_run(tmp_path: Path) -> None:
    state = StateDir(tmp_path)
    keep_identity(state, CALLER, 1)
    complete = IdentityFile(state.load_identity().identity, bytes(range(16)))
    state.write(IDENTITY, complete.encode())
    keep_identity(state, CALLER, 1)
    assert state.load_identity() == complete
    keep_identity(state, CALLER, 2)
    assert state.load_identity().modifier is None
