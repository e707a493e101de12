"""Several boxes of one hash: the one whose number it is stays, the others go."""

from __future__ import annotations

from firmware.events import Argon2Computed, ComputeArgon2
from firmware.overlay.lease import Outcome
from firmware.overlay.swarm import Calendar, info_hash_of, swarm_question
from tests.overlay.exchange.office import UTC_S, Office, Person
from tests.overlay.network import certified, cheap_hash, identity_of


def owner_of_a_number(office: Office, seed: int) -> tuple[Person, tuple[bytes, ...]]:
    """A box with a number that is right, and the hashes of its number now."""
    number, certificate = certified(seed)
    person = office.person(seed)
    person.identity, person.certificate = identity_of(seed), certificate
    days = Calendar(UTC_S, office.now_s).announced_days(office.now_s)
    hashes = [info_hash_of(cheap_hash(*swarm_question(number, day))) for day in days]
    return person, tuple(hashes)


def settle(office: Office, duration_s: float = 20.0) -> int:
    """Time passes and hashes are computed; how many."""
    computed, until_s = 0, office.now_s + duration_s
    while office.now_s < until_s:
        office.now_s += 0.1
        while wanted := office.exchange.advance(office.now_s):
            for command in wanted:
                if isinstance(command, ComputeArgon2):
                    computed += 1
                    digest = cheap_hash(command.secret, command.salt)
                    fact = Argon2Computed(command.secret, command.salt, digest)
                    office.exchange.hear(fact, office.now_s)
    return computed


def test_box_alone_in_its_hash_costs_no_memory_hard_hash() -> None:
    office = Office()
    owner, hashes = owner_of_a_number(office, 7)
    assert office.register(owner, hashes) is Outcome.REGISTERED
    assert settle(office) == 0


def test_junk_in_the_hash_of_a_number_is_thrown_out_whoever_came_first() -> None:
    for order in (1, -1):
        office = Office()
        owner, hashes = owner_of_a_number(office, 7)
        people = [office.person(100), owner][::order]
        for person in people:
            assert office.register(person, hashes) is Outcome.REGISTERED
        settle(office)
        assert office.exchange.helping().registrations == 1
        answers = [office.ask(hashes[0]) for _ in range(4)]
        assert {a.certificate for a in answers if a is not None} == {owner.certificate.encode()}


def test_owner_who_is_proved_is_handed_out_alone_while_new_junk_waits_for_its_turn() -> None:
    office = Office()
    owner, hashes = owner_of_a_number(office, 7)
    office.register(owner, hashes)
    office.register(office.person(100), hashes)
    settle(office)
    office.register(office.person(101), hashes)
    answers = [office.ask(hashes[0]) for _ in range(4)]
    assert {a.certificate for a in answers if a is not None} == {owner.certificate.encode()}


def test_hash_full_of_junk_has_room_for_its_owner_soon() -> None:
    office = Office()
    owner, hashes = owner_of_a_number(office, 7)
    while office.register(office.person(200), hashes) is Outcome.REGISTERED:
        pass
    assert office.register(owner, hashes) is Outcome.FULL
    settle(office)
    assert office.register(owner, hashes) is Outcome.REGISTERED


def test_flood_of_rivals_makes_the_exchange_compute_a_few_hashes_a_second_at_most() -> None:
    office = Office()
    computed = 0
    for second in range(20):
        for rival in range(2):
            office.register(office.person(10 * second + rival), (b"h" * 20,))
        computed += settle(office, 1.0)
    assert 0 < computed <= 20 * 4
