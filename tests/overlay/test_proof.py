import random

import pytest

from firmware.identity import Identity
from firmware.model import Endpoint
from firmware.overlay.dht import krpc
from firmware.overlay.proof import NONCE_BYTES, is_proved, prove

OWNER = Identity.generate(random.Random(1).randbytes(64))
NONCE, INFO_HASH = b"n" * NONCE_BYTES, b"h" * 20
ASKER = Endpoint("198.51.100.7", 6881)
ANSWERER = Endpoint("203.0.113.9", 4000)


def check(
    proof: bytes,
    *,
    public_key: bytes = OWNER.public_key,
    nonce: bytes = NONCE,
    info_hash: bytes = INFO_HASH,
    answerer: Endpoint = ANSWERER,
    own_host: str | None = ASKER.host,
) -> bool:
    return is_proved(proof, public_key, nonce, info_hash, answerer=answerer, own_host=own_host)


def test_proof_of_the_owner_to_the_asker_is_accepted() -> None:
    proof = prove(OWNER.sign, NONCE, INFO_HASH, ASKER)
    assert len(proof) == 6 + 64
    assert check(proof)
    assert check(proof, own_host=None)  # an asker who does not know its address yet


def test_proof_over_ipv6_is_accepted() -> None:
    asker, answerer = Endpoint("2001:db8::7", 1), Endpoint("2001:db8::9", 1)
    proof = prove(OWNER.sign, NONCE, INFO_HASH, asker)
    assert len(proof) == 18 + 64
    assert check(proof, answerer=answerer, own_host=asker.host)


def test_proof_that_a_liar_got_for_itself_is_refused() -> None:
    liar = Endpoint("192.0.2.66", 6881)
    assert not check(prove(OWNER.sign, NONCE, INFO_HASH, liar))


def test_proof_that_a_liar_on_the_local_network_got_from_outside_is_refused() -> None:
    proof = prove(OWNER.sign, NONCE, INFO_HASH, Endpoint("192.0.2.66", 6881))
    assert not check(proof, answerer=Endpoint("192.168.1.5", 1), own_host=None)


def test_proof_of_another_question_is_refused() -> None:
    assert not check(prove(OWNER.sign, b"m" * NONCE_BYTES, INFO_HASH, ASKER))
    assert not check(prove(OWNER.sign, NONCE, b"g" * 20, ASKER))
    assert not check(prove(OWNER.sign, b"", INFO_HASH, ASKER), nonce=b"")


def test_proof_of_another_key_is_refused() -> None:
    liar = Identity.generate(random.Random(2).randbytes(64))
    assert not check(prove(liar.sign, NONCE, INFO_HASH, ASKER))
    assert not check(prove(OWNER.sign, NONCE, INFO_HASH, ASKER), public_key=bytes(32))


@pytest.mark.parametrize("seed", [3])
def test_proof_that_was_truncated_changed_or_made_up_is_refused(seed: int) -> None:
    source = random.Random(seed)
    proof = prove(OWNER.sign, NONCE, INFO_HASH, ASKER)
    for length in range(len(proof)):
        assert not check(proof[:length])
    for _ in range(300):
        changed = bytearray(proof)
        changed[source.randrange(len(changed))] ^= 1 << source.randrange(8)
        assert not check(bytes(changed)), f"seed {seed}"
        assert not check(source.randbytes(source.randrange(90))), f"seed {seed}"


def test_nonce_and_proof_travel_in_krpc_and_one_that_is_too_long_does_not() -> None:
    question = krpc.GetCertificate(INFO_HASH, NONCE)
    query = krpc.Query(b"tt", b"i" * 20, question)
    assert krpc.decode(krpc.encode(query)) == query
    bare = krpc.Query(b"tt", b"i" * 20, krpc.GetCertificate(INFO_HASH))
    assert b"nonce" not in krpc.encode(bare) and krpc.decode(krpc.encode(bare)) == bare
    long = krpc.Query(b"tt", b"i" * 20, krpc.GetCertificate(INFO_HASH, b"n" * 17))
    assert krpc.decode(krpc.encode(long)) == krpc.BadQuery(b"tt", krpc.ERROR_PROTOCOL)
    proof = prove(OWNER.sign, NONCE, INFO_HASH, ASKER)
    for sent, read in ((proof, proof), (bytes(83), None)):
        answer = krpc.Answer(certificate=b"c" * 146, proof=sent)
        response = krpc.decode(krpc.encode(krpc.Response(b"tt", b"i" * 20, answer)))
        assert isinstance(response, krpc.Response)
        assert response.answer.proof == read
