"""The phone book as a core: loads, searches and changes it, and says who may ring.

A change is in force when the store says that it is on the card, and not before: what is shown is
what is there after a power cut. Units: `_s` monotonic seconds; `utc_s` Unix time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import replace

from firmware import events, number
from firmware.book.contacts import checked, decode_contact, encode_contact
from firmware.book.letters import Letters
from firmware.book.rules import Doorkeeper, decode_rules, encode_rules
from firmware.errors import MalformedError
from firmware.events import Message, Untimed
from firmware.events.book import (
    DAY_MINUTES,
    BookChanged,
    BookFound,
    BookRefused,
    Contact,
    ForgetContact,
    Ring,
    RingRulesChanged,
    Rule,
    SaveContact,
    SearchBook,
    SetRingRules,
    SetRule,
)
from firmware.events.messages import MessageAnswered, MessageCame, MessageOffered, Welcome
from firmware.events.services import CallMissed, SlipCame, SlipNoted, SlipOutcome
from firmware.events.store import (
    Kind,
    Record,
    RecordSaved,
    RecordsLoaded,
    SaveFailed,
    SaveRecord,
)
from firmware.events.strangers import AskName, DemandStamp
from firmware.model import EndReason

RULES_KEY = "ring rules"


class PhoneBook(Untimed):
    """The core of the book. `names` is the live table of names by number."""

    def __init__(self, fixed: Mapping[str, str] | None = None) -> None:
        """`fixed` are the contacts of box.toml, number to name."""
        self.names: dict[str, str] = dict(fixed or {})
        self._fixed = {
            each: Contact(each, name, is_fixed=True) for each, name in (fixed or {}).items()
        }
        self._contacts = dict(self._fixed)
        self._letters = Letters(self._contacts.values())
        self._speed_dials: dict[str, str] = {}  # to the number
        self.doorkeeper = Doorkeeper()
        self._asked: dict[tuple[Kind, str], deque[bytes | None]] = {}  # of the store, in order
        self._local_at_zero_s: float | None = None  # of the monotonic clock

    def handle(self, fact: Message, now_s: float) -> list[Message]:
        """Take a wish, or what the store says of it."""
        match fact:
            case events.WallClockRead(utc_s=utc_s, local_offset_s=offset_s):
                self._local_at_zero_s = utc_s + offset_s - now_s
            case RecordsLoaded(records=records):
                return self._load(records)
            case events.CallOffered():
                return self._weigh(fact, now_s)
            case SlipCame():
                return [self._let_in_slip(fact)]
            case MessageCame():
                return [self._let_in_message(fact)]
            case SearchBook(keys=keys, first=first, count=count):
                total, found = self._letters.search(keys, first, count)
                return [BookFound(keys, first, total, found)]
            case SaveContact(contact=contact):
                return self._save(contact)
            case ForgetContact(number=gone):
                return [self._forget(gone)]
            case SetRule(number=peer, rule=rule):
                return [self._set_rule(peer, rule)]
            case SetRingRules(rules=rules):
                return [self._ask(Kind.SETTING, RULES_KEY, encode_rules(rules))]
            case RecordSaved(kind=kind, key=key) if (kind, key) in self._asked:
                return self._saved(kind, key, self._answered(kind, key))
            case SaveFailed(kind=kind, key=key, reason=reason) if (kind, key) in self._asked:
                self._answered(kind, key)
                return [BookRefused(reason.value)]
        return []

    def contact(self, peer_number: str) -> Contact | None:
        """Who has this number."""
        return self._contacts.get(peer_number)

    def contacts(self) -> tuple[Contact, ...]:
        """All of them, as they are searched: favourites first, then by name."""
        return self._letters.search("", 0, len(self._contacts))[1]

    def judge(self, peer_number: str, now_s: float) -> Ring:
        """What happens when this number calls now."""
        minute = None
        if self._local_at_zero_s is not None:
            minute = int((self._local_at_zero_s + now_s) // 60) % DAY_MINUTES
        return self.doorkeeper.judge(peer_number, self.contact(peer_number), minute)

    def _weigh(self, offer: events.CallOffered, now_s: float) -> list[Message]:
        """What becomes of a call; of one of ours that is put through, the lists alone decide."""
        contact = self.contact(offer.number)
        if offer.is_referred:
            is_blocked = self.doorkeeper.is_blocked(offer.number, contact)
            return self._receive(offer.call, Ring.REFUSED if is_blocked else Ring.RINGS)
        ring = self.judge(offer.number, now_s)
        if contact is not None and contact.is_intercom and ring is Ring.RINGS:
            return [events.AnswerCall(offer.call)]
        return self._receive_stranger(offer, ring) or self._receive(offer.call, ring)

    def _let_in_slip(self, slip: SlipCame) -> Message:
        if self._may_tell(slip.number):
            return CallMissed(slip.number, slip.utc_s)
        return SlipNoted(slip.number, slip.utc_s, SlipOutcome.REFUSED)

    def _let_in_message(self, came: MessageCame) -> Message:
        if self._may_tell(came.number):
            return MessageOffered(came.number, came.utc_s, came.size_bytes)
        return MessageAnswered(came.number, came.utc_s, Welcome.REFUSED)

    def _may_tell(self, peer_number: str) -> bool:
        """Whoever could ring if it were not night."""
        contact = self.contact(peer_number)
        return self.doorkeeper.judge(peer_number, contact, minute=None) is not Ring.REFUSED

    def _receive(self, call: int, ring: Ring) -> list[Message]:
        match ring:
            case Ring.REFUSED:
                return [events.RefuseCall(call, EndReason.DECLINED)]
            case Ring.SILENT:
                return [events.SilenceCall(call)]
        return []

    def _receive_stranger(self, offer: events.CallOffered, ring: Ring) -> list[Message]:
        if ring is Ring.NAME:
            busy = events.RefuseCall(offer.call, EndReason.BUSY)
            return [busy if offer.is_waiting else AskName(offer.call)]
        difficulty = self.doorkeeper.rules.stamp_difficulty
        if ring is Ring.STAMP and offer.zero_bits < difficulty:
            return [DemandStamp(offer.call, difficulty)]
        return []

    def _load(self, records: tuple[Record, ...]) -> list[Message]:
        """All anew; a record of a version that we do not know is left alone."""
        self._contacts, self.doorkeeper = dict(self._fixed), Doorkeeper()
        for record in records:
            try:
                self._take(record.kind, record.key, record.data)
            except MalformedError:
                continue
        self.names.clear()
        self.names.update({each: contact.name for each, contact in self._contacts.items()})
        self._letters = Letters(self._contacts.values())
        self._speed_dials = {
            each.speed_dial: each.number for each in self._contacts.values() if each.speed_dial
        }
        return [BookChanged(tuple(self._contacts.values())), self._rules_changed()]

    def _take(self, kind: Kind, key: str, data: bytes) -> None:
        if kind is Kind.CONTACT:
            self._contacts[key] = decode_contact(key, data)
        elif kind is Kind.RULE:
            self.doorkeeper.numbers[key] = _decode_rule(data)
        elif kind is Kind.LIST:
            self.doorkeeper.lists[key] = data
        elif kind is Kind.SETTING and key == RULES_KEY:
            self.doorkeeper.rules = decode_rules(data)

    def _save(self, wanted: Contact) -> list[Message]:
        """Ask the store; who had the speed dial before loses it first."""
        if wanted.number in self._fixed:
            return [BookRefused("fixed")]
        try:
            contact = checked(wanted)
        except MalformedError:
            return [BookRefused("number")]
        asked: list[Message] = []
        holder = self._speed_dials.get(contact.speed_dial)
        if holder is not None and holder != contact.number:
            without = replace(self._contacts[holder], speed_dial="")
            asked.append(self._ask(Kind.CONTACT, holder, encode_contact(without)))
        return [*asked, self._ask(Kind.CONTACT, contact.number, encode_contact(contact))]

    def _forget(self, gone: str) -> Message:
        contact = self._contacts.get(gone)
        if contact is None or contact.is_fixed:
            return BookRefused("number" if contact is None else "fixed")
        return self._ask(Kind.CONTACT, gone, None)

    def _set_rule(self, peer: str, rule: Rule | None) -> Message:
        if not number.is_valid(peer):
            return BookRefused("number")
        return self._ask(Kind.RULE, peer, rule.value.encode() if rule else None)

    def _ask(self, kind: Kind, key: str, data: bytes | None) -> SaveRecord:
        self._asked.setdefault((kind, key), deque()).append(data)
        return SaveRecord(kind, key, data)

    def _answered(self, kind: Kind, key: str) -> bytes | None:
        waiting = self._asked[kind, key]
        data = waiting.popleft()
        if not waiting:
            del self._asked[kind, key]
        return data

    def _saved(self, kind: Kind, key: str, data: bytes | None) -> list[Message]:
        if kind is Kind.CONTACT:
            return [self._changed(key, data)]
        if data is None:
            self.doorkeeper.numbers.pop(key, None)
        else:
            self._take(kind, key, data)
        return [self._rules_changed()]

    def _changed(self, key: str, data: bytes | None) -> BookChanged:
        former = self._contacts.pop(key, None)
        if former is not None and self._speed_dials.get(former.speed_dial) == key:
            del self._speed_dials[former.speed_dial]
        if data is None:
            self._letters.remove(key)
            self.names.pop(key, None)
            return BookChanged((), (key,))
        contact = self._contacts[key] = decode_contact(key, data)
        self._letters.put(contact)
        self.names[key] = contact.name
        if contact.speed_dial:
            self._speed_dials[contact.speed_dial] = key
        return BookChanged((contact,))

    def _rules_changed(self) -> RingRulesChanged:
        return RingRulesChanged(self.doorkeeper.rules, self.doorkeeper.blocked)


def _decode_rule(data: bytes) -> Rule:
    try:
        return Rule(data.decode())
    except ValueError:
        raise MalformedError("no rule") from None
