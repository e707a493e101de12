"""`fernruf soft`: what it writes at the first start, and where."""

from __future__ import annotations

from pathlib import Path

import pytest

from firmware.commands import soft
from firmware.config import parse_config
from firmware.handset import parse_handset


def test_configuration_of_the_first_start_is_a_box_in_the_real_network() -> None:
    config = parse_config(soft.configuration('Anna "Ä"', 8080, ()), "box.toml")
    assert config.identity.name == 'Anna "Ä"'
    assert config.uses_public_routers
    assert (config.audio.capture, config.audio.playback) == ("browser", "browser")
    assert config.web.bind == "127.0.0.1:8080"


def test_network_of_ones_own_keeps_the_public_one_out() -> None:
    config = parse_config(soft.configuration("", 0, ("127.0.0.1:6881",)), "box.toml")
    assert config.network.bootstrap == ("127.0.0.1:6881",)
    assert not config.uses_public_routers


def test_echo_is_left_to_the_browser() -> None:
    assert parse_handset(soft.HANDSET, "handset.toml").audio.echo == "off"


@pytest.mark.parametrize(
    ("data_home", "expected"),
    [
        ("/data", "/data/fernruf"),
        ("", "/h/.local/share/fernruf"),
        ("here", "/h/.local/share/fernruf"),
    ],
)
def test_state_is_where_programs_keep_their_data(data_home: str, expected: str) -> None:
    assert soft.default_state({"XDG_DATA_HOME": data_home}, Path("/h")) == Path(expected)
