"""Updates between neighbours: what is given to whom, and when not."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware.shell.lan_updates import BUNDLE_FILE, OFFER_FILE, RETRY_AFTER_S, VISITORS_MAX, Share

BUNDLE = bytes(range(256)) * 1000


class Neighbour:
    """A box that shares, whose telephone may be in use."""

    def __init__(self, folder: Path) -> None:
        (folder / OFFER_FILE).write_text("{}")
        (folder / BUNDLE_FILE).write_bytes(BUNDLE)
        (folder / "secret").write_text("not for others")
        self.is_busy = False
        self.share = Share(folder, lambda: self.is_busy, host="127.0.0.1")

    def get(self, path: str, **headers: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.share.port, timeout=10.0)
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        try:
            if answer.status == 503:
                assert answer.getheader("Retry-After") == str(RETRY_AFTER_S)
            return answer.status, answer.read()
        finally:
            connection.close()


@pytest.fixture(name="neighbour")
def _neighbour(tmp_path: Path) -> Iterator[Neighbour]:
    neighbour = Neighbour(tmp_path)
    thread = threading.Thread(target=neighbour.share.serve_forever)
    thread.start()
    yield neighbour
    neighbour.share.shutdown()
    thread.join()
    neighbour.share.server_close()


def test_neighbour_gives_its_offer_and_the_bundle_from_any_byte_on(neighbour: Neighbour) -> None:
    assert neighbour.get(f"/{OFFER_FILE}") == (200, b"{}")
    assert neighbour.get(f"/{BUNDLE_FILE}") == (200, BUNDLE)
    assert neighbour.get(f"/{BUNDLE_FILE}", Range="bytes=1000-") == (206, BUNDLE[1000:])
    assert neighbour.get(f"/{BUNDLE_FILE}", Range=f"bytes={len(BUNDLE)}-")[0] == 416


@pytest.mark.parametrize("path", ["/", "/secret", "/../secret", f"/./{OFFER_FILE}", "/%66ernruf"])
def test_neighbour_gives_nothing_else(neighbour: Neighbour, path: str) -> None:
    assert neighbour.get(path)[0] == 404


def test_neighbour_who_telephones_asks_to_come_again(neighbour: Neighbour) -> None:
    neighbour.is_busy = True
    assert neighbour.get(f"/{BUNDLE_FILE}") == (503, b"")


def test_more_than_two_at_a_time_are_asked_to_come_again(neighbour: Neighbour) -> None:
    for _ in range(VISITORS_MAX):
        assert neighbour.share.places.acquire(blocking=False)
    assert neighbour.get(f"/{OFFER_FILE}") == (503, b"")
    neighbour.share.places.release()
    assert neighbour.get(f"/{OFFER_FILE}") == (200, b"{}")
