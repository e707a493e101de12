"""Updates: what is offered, whether it is wanted, and how a new version proves itself.

Knows no file, network or bootloader; commands/update.py carries out. A version is on trial from the
moment it is installed until the box reports a dial tone in its slot. One that did not get so far in
three starts (the bootloader counts) has failed, and is not tried again.
Units: bytes.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from firmware.errors import MalformedError

OFFER_BYTES_MAX = 4096
BUNDLE_BYTES_MAX = 512 << 20  # what fits on the data partition of the smallest card
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
VERSION = re.compile(r"(\d{1,9})\.(\d{1,9})\.(\d{1,9})")
SHA256 = re.compile(r"[0-9a-f]{64}")
SLOTS = ("a", "b")
FAILED_MAX = 16


@dataclass(frozen=True, slots=True)
class Offer:
    """What a server has: `fernruf.json` beside the bundle."""

    version: str
    bundle: str  # file name, in the folder of the offer
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Trial:
    """What the box remembers of updates, over starts and over both slots."""

    slot: str = ""  # on trial; empty = none
    version: str = ""  # of that slot
    before: str = ""  # the version that installed it
    failed: tuple[str, ...] = ()  # versions that did not reach a dial tone


class Verdict(StrEnum):
    """How the running slot stands to the last update."""

    NOTHING = "nothing"  # no update is on trial
    ON_TRIAL = "on_trial"  # this is the new version, not yet proved
    FELL_BACK = "fell_back"  # the new version did not start; this is the old one


def parse_offer(data: bytes) -> Offer:
    """Read an offer; raises MalformedError."""
    fields = _object(data, OFFER_BYTES_MAX)
    return Offer(
        _word(fields, "version", VERSION),
        _word(fields, "bundle", NAME),
        _size(fields.get("size_bytes")),
        _word(fields, "sha256", SHA256),
    )


def encode_offer(offer: Offer) -> bytes:
    """What parse_offer() reads; the image's build writes the same."""
    fields = {
        "version": offer.version,
        "bundle": offer.bundle,
        "size_bytes": offer.size_bytes,
        "sha256": offer.sha256,
    }
    return json.dumps(fields).encode()


def is_wanted(offer: Offer, running: str, trial: Trial) -> bool:
    """Whether to take it: newer than what runs, not on trial, and not failed before."""
    return (
        rank(offer.version) > rank(running) and offer.version not in trial.failed and not trial.slot
    )


def rank(version: str) -> tuple[int, ...]:
    """For comparison; what is no version is older than any."""
    found = VERSION.fullmatch(version)
    return tuple(int(part) for part in found.groups()) if found else ()


def parse_trial(data: bytes) -> Trial:
    """Read what encode_trial() wrote; unknown fields of a later version are no harm."""
    fields = _object(data, OFFER_BYTES_MAX)
    failed = fields.get("failed", [])
    slot = fields.get("slot", "")
    if not isinstance(failed, list) or slot not in ("", *SLOTS):
        raise MalformedError("trial: of another kind")
    return Trial(
        slot,
        str(fields.get("version", "")),
        str(fields.get("before", "")),
        tuple(str(version) for version in failed[-FAILED_MAX:]),
    )


def encode_trial(trial: Trial) -> bytes:
    """JSON, for the next start of whichever slot."""
    fields = {
        "slot": trial.slot,
        "version": trial.version,
        "before": trial.before,
        "failed": list(trial.failed),
    }
    return json.dumps(fields).encode()


def judge(trial: Trial, running_slot: str) -> Verdict:
    """What it means that this slot runs."""
    if not trial.slot:
        return Verdict.NOTHING
    return Verdict.ON_TRIAL if trial.slot == running_slot else Verdict.FELL_BACK


def passed(trial: Trial) -> Trial:
    """The dial tone came."""
    return Trial(failed=trial.failed)


def failed(trial: Trial) -> Trial:
    """It never came; the version is remembered."""
    return Trial(failed=(*trial.failed, trial.version)[-FAILED_MAX:])


def other_slot(slot: str) -> str:
    """Where an update is written."""
    return "a" if slot == "b" else "b"


def _object(data: bytes, bytes_max: int) -> dict[str, Any]:
    if len(data) > bytes_max:
        raise MalformedError("JSON: too long")
    try:
        fields = json.loads(data)
    except (ValueError, RecursionError):
        raise MalformedError("not JSON") from None
    if not isinstance(fields, dict):
        raise MalformedError("JSON: no object")
    return fields


def _word(fields: dict[str, Any], name: str, pattern: re.Pattern[str]) -> str:
    word = fields.get(name)
    if not isinstance(word, str) or not pattern.fullmatch(word):
        raise MalformedError(f"offer: {name}")
    return word


def _size(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= BUNDLE_BYTES_MAX:
        raise MalformedError("offer: size_bytes")
    return value
