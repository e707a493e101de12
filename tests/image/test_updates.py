"""RAUC in the booted image: what it writes into the other slot, what starts then, what is said.

Kernel and initrd of a slot are chosen here as U-Boot's script does; test_slots.py runs U-Boot.
"""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.image.card import Card, run
from tests.image.machine import PLAIN, Machine
from tests.image.shop import Shop, open_shop

HERE = Path(__file__).resolve().parents[2]
INSTALL_S = 2400.0
NOTICES = "cat /run/fernruf-notices/*"


@pytest.fixture(name="shop")
def _shop(tmp_path: Path) -> Iterator[Shop]:
    with open_shop(tmp_path / "shop") as shop:
        yield shop


@pytest.fixture(name="lived_in", scope="module")
def _lived_in(image: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A card that has been started once, and the number that it has made."""
    card = Card(image, tmp_path_factory.mktemp("lived-in"))
    card.put_number()
    with Machine(card, PLAIN) as machine:
        machine.wait_until_ready()
        number = machine.take_number()
        machine.type("sync")
    return card.path, number


def bundle(card: Card, folder: Path, version: str, root: bytes, keys: Path) -> Path:
    """An update with the kernel of the card, and a root of one's own."""
    contents = folder / f"contents-{version}"
    contents.mkdir()
    for name in ("vmlinuz", "initrd"):
        shutil.copy(card.get(f"a/{name}"), contents)
    (contents / "root.img").write_bytes(root)
    source = HERE / "board" / "image" / "update"
    shutil.copy(source / "hook.sh", contents)
    (contents / "hook.sh").chmod(0o755)
    manifest = (source / "manifest.raucm").read_text().replace("@VERSION@", version)
    (contents / "manifest.raucm").write_text(manifest)
    to = folder / f"{version}.raucb"
    signer = ("--cert", str(keys / "update.crt"), "--key", str(keys / "update.key"))
    run("rauc", "bundle", *signer, str(contents), str(to))
    return to


def forger(folder: Path) -> Path:
    """The keys of somebody whom no box trusts."""
    folder.mkdir()
    run(
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
        *("-nodes", "-subj", "/CN=Fernruf updates", "-keyout", str(folder / "update.key")),
        *("-out", str(folder / "update.crt")),
    )
    return folder


def wait_for_page(machine: Machine, words: str) -> None:
    """Until the display shows them."""
    code, text = machine.type(
        "until fernruf ctl --control /run/fernruf/control status | grep -q"
        f" '{words}'; do sleep 2; done",
        600.0,
    )
    assert code == 0, text


def test_forged_update_is_refused_and_one_that_does_not_start_is_left_after_three_tries(
    image: Path, lived_in: tuple[Path, str], tmp_path: Path, shop: Shop
) -> None:
    card = Card(lived_in[0], tmp_path)
    dead = random.Random(7).randbytes(1 << 20)
    with Machine(card, PLAIN) as machine:
        machine.wait_until_ready()
        shop.offer(bundle(card, tmp_path, "9.9.8", dead, forger(tmp_path / "forger")), "9.9.8")
        code, text = machine.type(f"fernruf update look --url {shop.url} --quiet-s 1", INSTALL_S)
        assert code == 1, text
        assert "signature" in text or "certificate" in text, text
        wait_for_page(machine, "No update")
        keys = image.parent / "keys"
        shop.offer(bundle(card, tmp_path, "9.9.9", dead, keys), "9.9.9")
        code, text = machine.type(f"fernruf update look --url {shop.url} --quiet-s 1", INSTALL_S)
        assert code == 0, text
        machine.wait_for_end(600.0)
        for _ in range(3):
            machine.switch_on()
            assert machine.slot == "b"
            machine.wait_for_end(600.0)
        machine.switch_on()
        assert machine.slot == "a"
        machine.wait_until_ready()
        wait_for_page(machine, "Update failed")
        _, text = machine.type(f"{NOTICES} /data/update/trial.json")
        assert "9.9.9 did not start" in text
        assert machine.status()["number"] == lived_in[1]


def test_good_update_is_written_into_the_other_slot_and_runs_from_then_on(
    image: Path, lived_in: tuple[Path, str], tmp_path: Path, shop: Shop
) -> None:
    card = Card(lived_in[0], tmp_path)
    version = json.loads(image.with_name("fernruf.json").read_text())["version"]
    shop.offer(image.with_name("fernruf.raucb"), version)
    with Machine(card, PLAIN) as machine:
        machine.wait_until_ready()
        # the root is not written: this box takes itself for an older one until it starts anew
        machine.type("echo 0.0.1 >/usr/lib/fernruf/version")
        code, text = machine.type(f"fernruf update look --url {shop.url} --quiet-s 1", INSTALL_S)
        assert code == 0, text
        machine.wait_for_end(600.0)
        machine.switch_on()
        assert machine.slot == "b"
        machine.wait_until_ready()
        wait_for_page(machine, "Updated")
        assert machine.status()["number"] == lived_in[1]
        code, text = machine.type("rauc status --output-format=shell; cat /data/share/fernruf.json")
        assert f'"version": "{version}"' in text
        code, _ = machine.type("sync; systemctl is-active fernruf-share.service")
        assert code == 0
    assert card.tries_left["B"] == 3
