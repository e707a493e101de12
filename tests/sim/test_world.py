"""Virtual time: what is carried when, what is lost, and whom a NAT lets in."""

from __future__ import annotations

from firmware.events import DatagramReceived, Message, SendDatagram
from firmware.model import Endpoint
from firmware.sim.latency import JITTER
from firmware.sim.population import Population
from firmware.sim.world import NAT_FORGET_S, NAT_OPEN_S, START_S, Resident, World


class Parrot:
    """Sends back each question once; notes when it heard what."""

    def __init__(self) -> None:
        self.heard: list[tuple[float, bytes, Endpoint]] = []
        self.due_s: float | None = None
        self.woken_s: list[float] = []

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        assert isinstance(fact, DatagramReceived)
        self.heard.append((now_s, fact.data, fact.source))
        return [SendDatagram(b"answer", fact.source)] if fact.data == b"question" else []

    def on_time(self, now_s: float) -> list[Message]:
        self.woken_s.append(now_s)
        self.due_s = None
        return []

    def deadline_s(self) -> float | None:
        return self.due_s


def two(loss: float = 0.0, *, nat: bool = False) -> tuple[World, Resident, Resident]:
    """A world of two, the second of them perhaps behind a NAT."""
    population = Population(50, seed=1)
    world = World(population, seed=1, loss=loss)
    residents = [
        world.put(Resident(Parrot(), population.contact(place).endpoint, place)) for place in (0, 1)
    ]
    if nat:
        residents[1].nat = {}
    return world, residents[0], residents[1]


def heard(resident: Resident) -> list[tuple[float, bytes, Endpoint]]:
    assert isinstance(resident.core, Parrot)
    return resident.core.heard


def test_answer_comes_after_about_one_round_trip() -> None:
    world, one, other = two()
    world.carry_out(one, [SendDatagram(b"question", other.endpoint)])
    world.run(START_S + 5)
    ((came_s, data, source),) = heard(one)
    assert (data, source) == (b"answer", other.endpoint)
    rtt_s = world.latency.rtt_s(0, 1)
    assert abs(came_s - START_S - rtt_s) <= JITTER * rtt_s


def test_datagram_through_a_line_that_loses_all_never_comes() -> None:
    world, one, other = two(loss=1.0)
    world.carry_out(one, [SendDatagram(b"question", other.endpoint)])
    world.run(START_S + 5)
    assert not heard(other)
    assert world.lost == world.datagrams == 1


def test_stranger_does_not_come_through_a_nat_but_an_answer_does() -> None:
    world, one, other = two(nat=True)
    world.carry_out(one, [SendDatagram(b"question", other.endpoint)])
    world.run(START_S + 5)
    assert not heard(other)
    world.carry_out(other, [SendDatagram(b"question", one.endpoint)])
    world.run(START_S + 10)
    assert [data for _, data, _ in heard(other)] == [b"answer"]


def test_nat_forgets_whom_it_let_in() -> None:
    world, one, other = two(nat=True)
    world.carry_out(other, [SendDatagram(b"hello", one.endpoint)])
    world.run(START_S + 300)
    world.carry_out(one, [SendDatagram(b"question", other.endpoint)])
    world.run(START_S + 305)
    assert not heard(other)


def test_nat_keeps_only_what_is_still_open_or_was_lately() -> None:
    world, one, other = two(nat=True)
    for host in range(100):
        world.carry_out(other, [SendDatagram(b"question", Endpoint(f"198.51.100.{host}", 6881))])
    assert other.nat is not None and len(other.nat) == 100
    world.run(START_S + NAT_FORGET_S - NAT_OPEN_S + 1)
    world.carry_out(other, [SendDatagram(b"question", Endpoint("198.51.100.7", 6881))])
    world.run(START_S + NAT_FORGET_S + 1)
    world.carry_out(other, [SendDatagram(b"question", one.endpoint)])
    assert list(other.nat) == ["198.51.100.7", one.endpoint.host]


def test_core_is_woken_at_its_deadline_and_not_before() -> None:
    world, one, _ = two()
    assert isinstance(one.core, Parrot)
    one.core.due_s = START_S + 7
    world.carry_out(one, [])
    world.run(START_S + 6)
    assert one.core.woken_s == []
    world.run(START_S + 60)
    assert one.core.woken_s == [START_S + 7]


def test_core_that_puts_its_deadline_off_is_not_woken_at_the_old_one() -> None:
    world, one, _ = two()
    assert isinstance(one.core, Parrot)
    one.core.due_s = START_S + 7
    world.carry_out(one, [])
    one.core.due_s = START_S + 20
    world.run(START_S + 60)
    assert one.core.woken_s == [START_S + 20]


def test_resident_that_was_removed_hears_nothing_more() -> None:
    world, one, other = two()
    world.carry_out(one, [SendDatagram(b"question", other.endpoint)])
    world.remove(other)
    world.run(START_S + 5)
    assert not heard(other)
    assert world.unheard == 1


def test_place_where_nobody_is_yet_is_settled_when_it_is_spoken_to() -> None:
    world, one, _ = two()
    asked: list[int] = []

    def settle(place: int) -> Resident:
        asked.append(place)
        return world.put(Resident(Parrot(), world.population.contact(place).endpoint, place))

    world.settle = settle
    for _ in range(2):
        world.carry_out(one, [SendDatagram(b"question", world.population.contact(9).endpoint)])
        world.run(world.now_s + 5)
    assert asked == [9]
    assert len(heard(one)) == 2
