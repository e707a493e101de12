"""A world in two halves: what crosses between them, and that it passes the same way again."""

from __future__ import annotations

import json

from firmware.events import DatagramReceived, Message, SendDatagram
from firmware.model import Endpoint
from firmware.sim import flashcrowd
from firmware.sim.parts import SHORTEST_S, Link, together
from firmware.sim.population import Population
from firmware.sim.world import START_S, Resident, World


class Parrot:
    """Sends back each question once; notes when it heard what."""

    def __init__(self) -> None:
        self.heard: list[tuple[float, bytes, Endpoint]] = []

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        assert isinstance(fact, DatagramReceived)
        self.heard.append((now_s, fact.data, fact.source))
        return [SendDatagram(b"answer", fact.source)] if fact.data == b"question" else []

    def on_time(self, now_s: float) -> list[Message]:
        del now_s
        return []

    def deadline_s(self) -> float | None:
        return None


def test_question_crosses_into_the_other_half_and_the_answer_comes_back() -> None:
    population = Population(50, seed=1)

    def live(link: Link) -> list[tuple[float, bytes, Endpoint]]:
        world, parrot, place = World(population, seed=1, loss=0.0), Parrot(), link.part
        world.divide(link)
        resident = world.put(Resident(parrot, population.contact(place).endpoint, place))
        if place == 0:
            question = SendDatagram(b"question", population.contact(1).endpoint)
            world.carry_out(resident, [question])
        world.run(START_S + 1.0)
        assert world.now_s == START_S + 1.0
        return parrot.heard

    first, second = together(live)
    ((asked_s, question, asker),) = second
    ((answered_s, answer, owner),) = first
    assert (question, asker) == (b"question", population.contact(0).endpoint)
    assert (answer, owner) == (b"answer", population.contact(1).endpoint)
    assert START_S + SHORTEST_S <= asked_s <= answered_s - SHORTEST_S


def test_crowd_in_two_halves_joins_and_calls_across_and_repeats_itself() -> None:
    one, same = (flashcrowd.run(150, 7, None, divided_min=100) for _ in range(2))
    assert json.dumps(one) == json.dumps(same)
    assert one["not_ready"] == 0
    assert one["joined"] == 150 - one["model"]["routers"]
    assert one["lookups"]["success"] > 0.9
    assert one["network"]["nodes_in_memory"] == 150
