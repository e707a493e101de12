import dataclasses
import random

from firmware.events import Argon2Computed, ComputeArgon2
from firmware.identity import Certificate, Identity
from firmware.model import Endpoint
from firmware.overlay.contacts import LastReached
from firmware.overlay.evidence import (
    GRACE_S,
    VERIFICATIONS_AT_ONCE_MAX,
    VERIFICATIONS_MAX,
    Evidence,
    Verdict,
)
from firmware.overlay.swarm import Known
from tests.overlay.network import certified, cheap_hash

NUMBER, CERTIFICATE = certified(1)
OWNER, LIAR = Endpoint("192.0.2.1", 1), Endpoint("192.0.2.66", 1)


def compute(evidence: Evidence, now_s: float = 0.0) -> int:
    """Compute every hash that is wanted; how many that were."""
    count = 0
    while commands := evidence.hashes():
        for command in commands:
            assert isinstance(command, ComputeArgon2)
            digest = cheap_hash(command.secret, command.salt)
            evidence.hashed(Argon2Computed(command.secret, command.salt, digest), now_s)
            count += 1
    return count


def offer(
    evidence: Evidence,
    certificate: Certificate,
    source: Endpoint,
    *,
    is_proved: bool = True,
    now_s: float = 0.0,
) -> None:
    claimant = evidence.admit(certificate.encode(), now_s)
    assert claimant is not None
    evidence.locate(claimant, source, now_s, is_proved=is_proved)


def winner(verdict: Verdict) -> tuple[Endpoint, ...]:
    assert verdict.winner is not None
    return verdict.winner.endpoints


def test_proved_owner_wins_as_soon_as_its_hash_is_computed() -> None:
    evidence = Evidence(NUMBER, None, Known())
    offer(evidence, CERTIFICATE, OWNER)
    assert evidence.verdict(0.0, is_last=False) == Verdict()
    assert compute(evidence) == 1
    assert winner(evidence.verdict(0.0, is_last=False)) == (OWNER,)


def test_copy_of_a_certificate_waits_for_the_owner_until_the_grace_is_over() -> None:
    evidence = Evidence(NUMBER, None, Known())
    offer(evidence, CERTIFICATE, LIAR, is_proved=False)
    compute(evidence, now_s=1.0)
    assert evidence.verdict(1.0 + GRACE_S / 2, is_last=False) == Verdict()
    assert winner(evidence.verdict(1.0 + GRACE_S, is_last=False)) == (LIAR,)
    assert winner(evidence.verdict(1.0, is_last=True)) == (LIAR,)
    offer(evidence, CERTIFICATE, OWNER, now_s=1.1)
    assert winner(evidence.verdict(1.1, is_last=False)) == (OWNER,)


def test_certificate_that_came_without_an_address_alone_decides_nothing() -> None:
    evidence = Evidence(NUMBER, None, Known())
    assert evidence.admit(CERTIFICATE.encode(), 0.0) is not None
    assert compute(evidence) == 1
    assert evidence.verdict(100.0, is_last=True) == Verdict()
    assert evidence.grace_until_s > 1e9


def test_certificate_of_a_contact_needs_no_hash() -> None:
    evidence = Evidence(NUMBER, None, Known([LastReached(NUMBER, CERTIFICATE, ())]))
    offer(evidence, CERTIFICATE, OWNER)
    assert evidence.is_idle
    assert winner(evidence.verdict(0.0, is_last=False)) == (OWNER,)


def test_one_key_under_two_names_costs_one_hash_and_is_no_conflict() -> None:
    owner = Identity.generate(random.Random(1).randbytes(64))
    evidence = Evidence(NUMBER, None, Known())
    offer(evidence, CERTIFICATE, OWNER)
    renamed = owner.certify(CERTIFICATE.modifier, "Anna")
    assert renamed.public_key == CERTIFICATE.public_key
    offer(evidence, renamed, OWNER)
    assert compute(evidence) == 1
    assert not evidence.verdict(0.0, is_last=True).conflict


def test_hashes_are_computed_few_at_a_time_and_not_without_end() -> None:
    evidence = Evidence(NUMBER, None, Known())
    source = random.Random(2)
    for _ in range(VERIFICATIONS_MAX + 20):
        liar = Identity.generate(source.randbytes(64))
        offer(evidence, liar.certify(bytes(16), ""), LIAR)
    assert len(evidence.hashes()) == VERIFICATIONS_AT_ONCE_MAX
    assert evidence.hashes() == []
    evidence = Evidence(NUMBER, None, Known())
    for _ in range(VERIFICATIONS_MAX + 20):
        liar = Identity.generate(source.randbytes(64))
        offer(evidence, liar.certify(bytes(16), ""), LIAR)
    assert compute(evidence) == VERIFICATIONS_MAX
    assert evidence.is_idle
    assert evidence.verdict(0.0, is_last=True) == Verdict()


def test_pinned_key_is_verified_before_the_others() -> None:
    evidence = Evidence(NUMBER, CERTIFICATE.public_key, Known())
    source = random.Random(3)
    for _ in range(10):
        offer(evidence, Identity.generate(source.randbytes(64)).certify(bytes(16), ""), LIAR)
    offer(evidence, CERTIFICATE, OWNER)
    first = evidence.hashes()[0]
    assert isinstance(first, ComputeArgon2)
    assert first.secret.startswith(CERTIFICATE.public_key)


def test_key_other_than_the_pinned_one_is_a_conflict_after_the_grace() -> None:
    evidence = Evidence(NUMBER, bytes(32), Known())
    offer(evidence, CERTIFICATE, OWNER)
    compute(evidence)
    assert evidence.verdict(GRACE_S / 2, is_last=False) == Verdict()
    assert evidence.verdict(GRACE_S, is_last=False) == Verdict(conflict=True)


def test_certificate_that_is_forged_or_truncated_is_not_admitted() -> None:
    evidence = Evidence(NUMBER, None, Known())
    forged = dataclasses.replace(CERTIFICATE, name="Mallory").encode()
    for encoded in (forged, b"", CERTIFICATE.encode()[:-1]):
        assert evidence.admit(encoded, 0.0) is None
    assert evidence.is_idle


def test_hash_that_somebody_else_asked_for_is_ignored() -> None:
    evidence = Evidence(NUMBER, None, Known())
    evidence.hashed(Argon2Computed(b"s", b"t", bytes(32)), 0.0)
    assert evidence.is_idle
