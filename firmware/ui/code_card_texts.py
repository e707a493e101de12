"""The words of the card of codes, one table a language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from firmware.codes import Service


@dataclass(frozen=True, slots=True)
class CardTexts:
    """`services` in the order of the card; `keys` are pairs of what is pressed and what it does."""

    own: str
    emergency: str
    codes: str
    in_call: str
    number: str  # stands for twelve digits
    last_caller: str
    hide_once: str
    ask: str
    tests: str
    services: Mapping[Service, str]
    keys: tuple[tuple[str, str], ...]
    transfer: str


ENGLISH = CardTexts(
    own="Our number:",
    emergency="No emergency calls from this telephone: use a mobile.",
    codes="Lift, then dial",
    in_call="In a call (F: press the hook shortly)",
    number="NUMBER",
    last_caller="who called last, spoken (3 calls)",
    hide_once="hide my address once",
    ask="is it on?",
    tests="try it: hear yourself, tone, record, delay",
    services={
        Service.REDIAL: "last number",
        Service.CALL_RETURN: "call who called last",
        Service.SPEED_DIAL: "speed dial: call 7, set, clear",
        Service.DO_NOT_DISTURB: "do not disturb: on, off",
        Service.FORWARD_ALWAYS: "forward all calls: on, off",
        Service.FORWARD_BUSY: "forward when busy: on, off",
        Service.FORWARD_NO_ANSWER: "forward after 20 s (10 s), off",
        Service.CALL_WAITING: "call waiting: on, off",
        Service.WITHHOLD: "always hide my address: on, off",
        Service.REJECT_ANONYMOUS: "refuse who hides it: on, off",
        Service.QUIET_HOURS: "quiet from 22:00 to 7:00, never",
        Service.STRANGERS: "strangers: name first, work first, silent, refused; like everybody",
        Service.WAKE_UP: "wake-up call at 6:30, none",
        Service.MACHINE: "answering machine: on, after 10 s, off",
        Service.GREETING: "speak the greeting",
        Service.MESSAGES: "listen: 1 again, 2 next, 3 delete, 4 call",
    },
    keys=(
        ("F", "hold; dial a second number; back, or to and fro"),
        ("F 0", "refuse who waits, end who is held"),
        ("F 1", "end this call, take the other"),
        ("F 3", "all three together (F 2 parts them)"),
        ("5", "with the busy tone: ring me when it is free"),
        ("6", "nobody there: leave a message"),
        ("*", "while it rings: refuse"),
        ("#", "menu: 2 up, 8 down, # choose, * back"),
    ),
    transfer="Hang up in a second call that you have dialled: the two others are connected.",
)
GERMAN = CardTexts(
    own="Unsere Nummer:",
    emergency="Kein Notruf von diesem Telefon: nehmen Sie ein Mobiltelefon.",
    codes="Abheben, dann wählen",
    in_call="Im Gespräch (R: Gabel kurz drücken)",
    number="NUMMER",
    last_caller="wer zuletzt anrief, gesprochen (3 ruft an)",
    hide_once="einmal meine Adresse verbergen",
    ask="ist es ein?",
    tests="Prüfen: sich hören, Ton, Aufnahme, Laufzeit",
    services={
        Service.REDIAL: "Wahlwiederholung",
        Service.CALL_RETURN: "letzten Anrufer zurückrufen",
        Service.SPEED_DIAL: "Kurzwahl: 7 rufen, belegen, leeren",
        Service.DO_NOT_DISTURB: "Anrufschutz: ein, aus",
        Service.FORWARD_ALWAYS: "jeden Anruf weiterleiten: ein, aus",
        Service.FORWARD_BUSY: "bei besetzt weiterleiten: ein, aus",
        Service.FORWARD_NO_ANSWER: "weiterleiten nach 20 s (10 s), aus",
        Service.CALL_WAITING: "Anklopfen: ein, aus",
        Service.WITHHOLD: "Adresse immer verbergen: ein, aus",
        Service.REJECT_ANONYMOUS: "Anonyme abweisen: ein, aus",
        Service.QUIET_HOURS: "Ruhe von 22 bis 7 Uhr, nie",
        Service.STRANGERS: "Fremde: Name zuerst, Rechnen zuerst, stumm, abweisen; wie alle",
        Service.WAKE_UP: "Weckruf um 6:30, keiner",
        Service.MACHINE: "Anrufbeantworter: ein, nach 10 s, aus",
        Service.GREETING: "Ansage sprechen",
        Service.MESSAGES: "abhören: 1 noch einmal, 2 weiter, 3 löschen, 4 zurückrufen",
    },
    keys=(
        ("R", "halten; zweite Nummer wählen; zurück, oder hin und her"),
        ("R 0", "Wartenden abweisen, Gehaltenen beenden"),
        ("R 1", "dieses Gespräch beenden, zum anderen"),
        ("R 3", "alle drei zusammen (R 2 trennt wieder)"),
        ("5", "bei besetzt: klingeln, wenn frei"),
        ("6", "niemand da: Nachricht hinterlassen"),
        ("*", "während es klingelt: abweisen"),
        ("#", "Menü: 2 hinauf, 8 hinunter, # wählt, * zurück"),
    ),
    transfer="Wer im selbst gewählten zweiten Gespräch auflegt, verbindet die beiden anderen.",
)
CARDS = {"en": ENGLISH, "de": GERMAN}
