import random

import pytest

from firmware import number as numbers
from firmware.errors import ConfigError
from firmware.events import (
    Argon2Computed,
    ClaimProgressed,
    ComputeArgon2,
    Message,
    NumberClaimed,
    NumberResolved,
    NumberUnresolved,
    ResolveNumber,
    SendDatagram,
    Started,
    StoreState,
)
from firmware.identity import Certificate, Identity, IdentityFile
from firmware.model import Endpoint
from firmware.overlay.claim import HASHES_AT_ONCE_MAX, IDENTITY_FILE, Claim
from firmware.overlay.dht.node import Node
from firmware.overlay.directory import Directory
from tests.overlay.network import certified, cheap_hash, identity_of, swarm

IDENTITY = Identity.generate(random.Random(5).randbytes(64))


class Bench:
    """Answers hashes, oldest first, and keeps everything else that the core says."""

    def __init__(self, claim: Claim) -> None:
        self.claim = claim
        self.hashes: list[ComputeArgon2] = []
        self.said: list[Message] = []
        self.tell(Started())

    def tell(self, fact: Message) -> None:
        for message in self.claim.handle(fact, 0.0):
            if isinstance(message, ComputeArgon2):
                self.hashes.append(message)
            else:
                self.said.append(message)

    def search(self) -> str:
        """Compute until a number is looked up; that number."""
        self.said = [m for m in self.said if not isinstance(m, ResolveNumber)]
        for _ in range(5000):
            for message in self.said:
                if isinstance(message, ResolveNumber):
                    return message.number
            assert 0 < len(self.hashes) <= HASHES_AT_ONCE_MAX
            question = self.hashes.pop(0)
            digest = cheap_hash(question.secret, question.salt)
            self.tell(Argon2Computed(question.secret, question.salt, digest))
        raise AssertionError("no number in 5000 tries")

    def claimed(self) -> NumberClaimed | None:
        return next((m for m in self.said if isinstance(m, NumberClaimed)), None)


def bench(identity: Identity = IDENTITY) -> Bench:
    return Bench(Claim(identity, "Anna"))


def test_claim_of_a_free_number_ends_with_its_certificate_and_the_stored_identity() -> None:
    box = bench()
    number = box.search()
    assert box.claimed() is None
    box.tell(NumberUnresolved(number))
    claimed = box.claimed()
    assert claimed is not None
    assert claimed.number == number
    certificate = Certificate.decode(claimed.certificate)
    assert certificate.name == "Anna"
    assert certificate.public_key == IDENTITY.public_key
    question = numbers.hash_question(certificate.public_key, certificate.modifier)
    assert numbers.from_digest(cheap_hash(*question)) == number
    (stored,) = [m for m in box.said if isinstance(m, StoreState)]
    assert stored.name == IDENTITY_FILE
    assert IdentityFile.decode(stored.data, "test") == IdentityFile(IDENTITY, certificate.modifier)
    with pytest.raises(ConfigError):
        IdentityFile.decode(stored.data[:-20], "test")


def test_claim_of_a_taken_number_goes_on_to_another() -> None:
    box = bench()
    taken = box.search()
    box.tell(NumberResolved(taken, certified(4)[1].encode(), ()))
    assert box.claimed() is None
    other = box.search()
    assert other != taken
    box.tell(NumberUnresolved(other, conflict=True))
    assert box.claimed() is None
    third = box.search()
    box.tell(NumberUnresolved(third))
    claimed = box.claimed()
    assert claimed is not None
    assert claimed.number == third


def test_claim_of_a_number_that_is_ours_already_succeeds() -> None:
    box = bench()
    number = box.search()
    box.tell(NumberResolved(number, IDENTITY.certify(bytes(16), "old").encode(), ()))
    assert box.claimed() is not None


def test_claim_keeps_two_hashes_going_and_tells_its_progress() -> None:
    box = bench()
    assert len(box.hashes) == HASHES_AT_ONCE_MAX
    box.search()
    progress = [m for m in box.said if isinstance(m, ClaimProgressed)]
    assert [p.tried for p in progress] == [4 * (i + 1) for i in range(len(progress))]
    assert {p.expected for p in progress} == {366}


def test_claim_pauses_while_a_number_is_looked_up_and_says_nothing_after_the_end() -> None:
    box = bench()
    number = box.search()
    assert len(box.hashes) == HASHES_AT_ONCE_MAX - 1  # one was under way when the other hit
    box.tell(NumberUnresolved("200000000000"))  # somebody else's question
    assert box.claimed() is None
    box.tell(NumberUnresolved(number))
    said = len(box.said)
    late = box.hashes.pop()
    box.tell(Argon2Computed(late.secret, late.salt, bytes(32)))
    box.tell(NumberUnresolved(number))
    assert len(box.said) == said
    assert box.hashes == []


def test_claim_ignores_hashes_that_others_asked_for() -> None:
    box = bench()
    before = len(box.hashes)
    box.tell(Argon2Computed(b"s", b"t", bytes(32)))
    assert len(box.hashes) == before
    assert box.said == []


def test_claim_of_the_same_key_finds_the_same_number_and_of_another_key_another() -> None:
    other = Identity.generate(random.Random(6).randbytes(64))
    assert bench().search() == bench().search()
    assert bench().search() != bench(other).search()


def test_claim_tries_modifiers_from_zero_on() -> None:
    box = bench()
    assert [q.secret[32:] for q in box.hashes] == [i.to_bytes(16, "big") for i in range(2)]


class Newcomer:
    """A box at its first start: the search for its number, and the directory it looks it up in."""

    def __init__(self, claim: Claim, directory: Directory) -> None:
        self._claim = claim
        self._directory = directory

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        return self._settle([fact], now_s)

    def on_time(self, now_s: float) -> list[Message]:
        return self._settle(self._directory.on_time(now_s), now_s)

    def deadline_s(self) -> float | None:
        return self._directory.deadline_s()

    def _settle(self, waiting: list[Message], now_s: float) -> list[Message]:
        out: list[Message] = []
        while waiting:
            message = waiting.pop(0)
            out.append(message)
            waiting += self._claim.handle(message, now_s)
            if not isinstance(message, SendDatagram | ComputeArgon2 | StoreState):
                waiting += self._directory.handle(message, now_s)
        return out


def test_newcomer_whose_first_number_is_taken_gets_another_and_publishes_it() -> None:
    network, endpoints = swarm(12, seed=1)
    newcomer = identity_of(7)
    taken, modifier = certified(7)[0], certified(7)[1].modifier
    owner = identity_of(8).certify(bytes(numbers.MODIFIER_BYTES), "was first")
    question = numbers.hash_question(owner.public_key, owner.modifier)
    proof = cheap_hash(*numbers.hash_question(newcomer.public_key, modifier))
    network.hash_of = lambda secret, salt: (
        proof if (secret, salt) == question else cheap_hash(secret, salt)
    )
    network.tell(endpoints[3], NumberClaimed(taken, owner.encode()))
    network.run(10.0)
    here = Endpoint("203.0.113.5", 6881)
    source = random.Random(9).randbytes
    directory = Directory(Node((str(endpoints[0]),), source), source, identity=newcomer)
    network.add(here, Newcomer(Claim(newcomer, ""), directory))
    network.run(120.0, until=lambda: bool(network.said(here, NumberClaimed)))
    (claimed,) = network.said(here, NumberClaimed)
    assert claimed.number != taken
    tried = [progress.tried for progress in network.said(here, ClaimProgressed)]
    assert tried == sorted(tried) and len(tried) > 10
    network.run(10.0)
    assert isinstance(network.resolve(endpoints[5], claimed.number), NumberResolved)
