"""The set-up network: when it is needed, what its page takes, what the radio is told."""

from __future__ import annotations

import socket
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware.commands.access_point import (
    FORM_BYTES_MAX,
    SetUpPage,
    has_network,
    make_code,
    network_conf,
    parse_form,
    serve,
    set_up_page,
    supplicant_conf,
)
from firmware.errors import ConfigError
from firmware.settings import Settings, read_password


@pytest.fixture(name="page")
def _page() -> Iterator[SetUpPage]:
    page = SetUpPage(("127.0.0.1", 0))
    yield page
    page.said.set()


def ask(page: SetUpPage, **form: str) -> str:
    data = urllib.parse.urlencode(form).encode() if form else None
    url = f"http://127.0.0.1:{page.server_port}/generate_204"
    with urllib.request.urlopen(url, data, timeout=20) as answer:
        return str(answer.read().decode())


def test_page_takes_a_network_and_says_what_is_wrong_with_another(page: SetUpPage) -> None:
    found: list[Settings | None] = []
    thread = threading.Thread(target=lambda: found.append(serve(page, 60.0)))
    thread.start()
    assert "Which network" in ask(page)
    assert "Password: must be 8" in ask(page, ssid="Home", password="short")
    assert "Saved" in ask(page, ssid="Home", password="correct horse", name="Oma", country="at")
    thread.join()
    assert found == [Settings("Oma", "AT", ssid="Home", password="correct horse")]


def test_page_takes_another_port_beside_that_of_the_box() -> None:
    with socket.create_server(("0.0.0.0", 0)) as box:
        page = set_up_page("127.0.0.1", (box.getsockname()[1], 0))
        assert page.server_port != box.getsockname()[1]
        page.server_close()


def test_page_that_nobody_fills_in_closes(page: SetUpPage) -> None:
    assert serve(page, 0.01) is None


def test_form_that_is_too_long_is_refused(page: SetUpPage) -> None:
    thread = threading.Thread(target=serve, args=(page, 60.0))
    thread.start()
    with pytest.raises(urllib.error.HTTPError):
        ask(page, ssid="x" * FORM_BYTES_MAX)
    page.said.set()
    thread.join()


@pytest.mark.parametrize("body", [b"", b"ssid=", b"ssid=%ff", b"\xff", b"ssid=" + b"x" * 33])
def test_form_without_a_network_is_told_so(body: bytes) -> None:
    with pytest.raises(ConfigError):
        parse_form(body)


def test_what_is_typed_is_shown_as_text_never_as_a_page(page: SetUpPage) -> None:
    thread = threading.Thread(target=serve, args=(page, 60.0))
    thread.start()
    answer = ask(page, ssid="Home", country="<script>")
    page.said.set()
    thread.join()
    assert "<script>" not in answer


def test_network_is_there_when_an_interface_has_a_carrier(tmp_path: Path) -> None:
    for name, carrier in (("lo", "1"), ("eth0", "0"), ("wlan0", "")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "carrier").write_text(carrier)
    assert not has_network(tmp_path)
    (tmp_path / "eth0" / "carrier").write_text("1\n")
    assert has_network(tmp_path)


def test_code_is_long_enough_for_the_radio_and_new_each_time() -> None:
    codes = {make_code() for _ in range(20)}
    assert len(codes) > 1
    assert all(read_password(code) == code and code.isdigit() for code in codes)


def test_access_point_is_closed_to_who_cannot_read_the_display() -> None:
    conf = supplicant_conf("Fernruf-1A2B", "12345678")
    assert 'psk="12345678"' in conf
    assert "key_mgmt=WPA-PSK" in conf
    assert "mode=2" in conf
    assert "DHCPServer=yes" in network_conf()
