"""Updates: which are wanted, and what the running slot says of them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.errors import MalformedError
from firmware.updates import (
    FAILED_MAX,
    OFFER_BYTES_MAX,
    Offer,
    Trial,
    Verdict,
    encode_trial,
    failed,
    is_wanted,
    judge,
    other_slot,
    parse_offer,
    parse_trial,
    passed,
    rank,
)

FIELDS = {"version": "0.1.20", "bundle": "f.raucb", "size_bytes": 9, "sha256": "0" * 64}
OFFER = Offer("0.1.20", "f.raucb", 9, "0" * 64)


def test_offer_is_read_and_more_fields_are_no_harm() -> None:
    assert parse_offer(json.dumps(FIELDS | {"later": 1}).encode()) == OFFER


@pytest.mark.parametrize(
    "change",
    [
        {"version": "1.2"},
        {"version": 3},
        {"bundle": "../../etc/passwd"},
        {"bundle": ""},
        {"size_bytes": 0},
        {"size_bytes": True},
        {"size_bytes": 1 << 40},
        {"sha256": "0" * 63},
    ],
)
def test_offer_with_anything_strange_in_it_is_malformed(change: dict[str, object]) -> None:
    with pytest.raises(MalformedError):
        parse_offer(json.dumps(FIELDS | change).encode())


@given(st.binary(max_size=200))
def test_random_bytes_are_no_offer_and_no_trial(data: bytes) -> None:
    for read in (parse_offer, parse_trial):
        try:
            read(data)
        except MalformedError:
            continue


def test_offer_that_is_too_long_is_malformed() -> None:
    with pytest.raises(MalformedError):
        parse_offer(json.dumps(FIELDS).encode().ljust(OFFER_BYTES_MAX + 1))


def test_only_a_newer_version_that_did_not_fail_is_wanted() -> None:
    assert is_wanted(OFFER, "0.1.9", Trial())
    assert not is_wanted(OFFER, "0.1.20", Trial())
    assert not is_wanted(OFFER, "0.2.0", Trial())
    assert not is_wanted(OFFER, "0.1.9", Trial(failed=("0.1.20",)))
    assert not is_wanted(OFFER, "0.1.9", Trial("b", "0.1.10", "0.1.9"))
    assert is_wanted(OFFER, "no version", Trial())


def test_versions_are_compared_as_numbers() -> None:
    assert rank("0.1.100") > rank("0.1.99")
    assert rank("") == ()


def test_trial_outlives_a_start_whichever_slot_reads_it() -> None:
    trial = Trial("b", "0.1.20", "0.1.19", ("0.1.18",))
    assert parse_trial(encode_trial(trial)) == trial
    later = json.loads(encode_trial(trial)) | {"of a later version": True}
    assert parse_trial(json.dumps(later).encode()) == trial


def test_running_slot_says_whether_the_new_version_started() -> None:
    trial = Trial("b", "0.1.20", "0.1.19")
    assert judge(Trial(), "a") is Verdict.NOTHING
    assert judge(trial, "b") is Verdict.ON_TRIAL
    assert judge(trial, "a") is Verdict.FELL_BACK
    assert judge(passed(trial), "b") is Verdict.NOTHING


def test_failed_versions_are_remembered_up_to_a_limit() -> None:
    trial = Trial()
    for number in range(FAILED_MAX + 1):
        trial = failed(Trial("b", f"0.1.{number}", "", trial.failed))
    assert (len(trial.failed), trial.failed[-1]) == (FAILED_MAX, f"0.1.{FAILED_MAX}")
    assert trial.slot == ""


def test_update_goes_into_the_other_slot() -> None:
    assert (other_slot("a"), other_slot("b")) == ("b", "a")
