"""Two telephones behind routers, and what becomes of one that is switched off and on again."""

from __future__ import annotations

from dataclasses import replace

from firmware.model import CallState, Endpoint
from firmware.overlay.contacts import decode_contacts, encode_contacts
from tests.world import Actor, PhoneActor, World


class WideWorld(World):
    """With addresses of the Internet, which alone stand on cards."""

    def place(self, i: int) -> Endpoint:
        return Endpoint(f"8.{i % 200}.{i}.1", 6881)


def acquainted(seed: int) -> tuple[World, list[Actor], PhoneActor, PhoneActor]:
    """Three exchanges, and two behind routers who have talked once."""
    world = WideWorld(seed)
    world.add_nodes(5)
    exchanges = world.add_exchanges(3)
    anna, bert = (
        world.add_phone(name, exchanges=exchanges, behind_nat=True, direct=False)
        for name in ("anna", "bert")
    )
    world.settle()
    world.run(10.0)
    world.connect(anna, bert)
    world.run(2.0)
    for phone in (anna, bert):
        world.replace(phone)
    world.run(12.0)
    return world, exchanges, anna, bert


def return_of(world: World, who: PhoneActor) -> PhoneActor:
    """The same telephone after a restart, with what was on its card."""
    setup = replace(
        who.phone_setup,
        contacts=tuple(decode_contacts(who.stored.get("contacts.json", encode_contacts(())))),
    )
    return world.add_prepared(who.name, setup, behind_nat=True, kept=who.kept)


def fail_to_reach(world: World, caller: PhoneActor, callee: PhoneActor) -> None:
    """The callee's box is off; the caller hears that."""
    callee.online = False
    world.lift(caller)
    world.dial(caller, callee.number)
    world.wait(caller, CallState.FAILED, timeout_s=60.0)
