"""The call-progress tones of each country, in one short notation.

A tone is steps separated by commas: `425/1000` is 425 Hz for 1000 ms, `0/4000` a pause, `350+440`
both together, `400*16` 400 Hz swelling and fading 16 times a second; without a duration it lasts
for ever. Steps with `!` are played once, the others are repeated.
Sources: ITU-T E.180 Supplement 2 (Various tones used in national networks) as collected in
Asterisk's indications.conf.sample; AU: S002, IN: as sampled there, NZ: TNA 102, GB: BT SIN 350.
Where a network specifies no message-waiting tone it is the interrupted dial tone of most others.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CountryTones:
    """One country; the meaning of each tone is that of ITU-T E.180."""

    dial: str = "425"
    ringback: str = "425/1000,0/4000"
    busy: str = "425/500,0/500"
    congestion: str = "425/200,0/200"
    call_waiting: str = "425/200,0/600,425/200,0/10000"
    message_waiting: str = ""  # empty = the dial tone after six short bursts of it


# The same three notes in every country: E.180 clause 7 allows each +-50 Hz, and 1 s +-0.25 s of
# pause. The tables have oddities here (one note in Spain, once only in France) that help nobody.
SPECIAL_INFORMATION = "950/330,1400/330,1800/330,0/1000"
HELD = "0/800,440/120,0/9080"  # a short beep now and then, into silence: ours, no network has one
HOWLER = "1400+2060+2450+2600/100,0/100"  # receiver off hook, Telcordia GR-506

_UNITED_KINGDOM = CountryTones(
    dial="350+440",
    ringback="400+450/400,0/200,400+450/400,0/2000",
    busy="400/375,0/375",
    congestion="400/400,0/350,400/225,0/525",
    call_waiting="400/100,0/4000",
    message_waiting="350+440/750,440/750",
)

TONES_OF = {
    "AT": CountryTones(
        dial="420",
        ringback="420/1000,0/5000",
        busy="420/400,0/400",
        congestion="420/200,0/200",
        call_waiting="420/40,0/1960",
        message_waiting="380+420",
    ),
    "AU": CountryTones(
        dial="413+438",
        ringback="413+438/400,0/200,413+438/400,0/2000",
        busy="425/375,0/375",
        congestion="425/375,0/375,420/375,0/375",
        call_waiting="425/200,0/200,425/200,0/4400",
        message_waiting="413+438/100,0/40",
    ),
    "BE": CountryTones(
        ringback="425/1000,0/3000",
        congestion="425/167,0/167",
        call_waiting="1400/175,0/175,1400/175,0/3500",
        message_waiting="425/1000,0/250",
    ),
    "BR": CountryTones(
        busy="425/250,0/250",
        congestion="425/250,0/250,425/750,0/250",
        call_waiting="425/50,0/1000",
        message_waiting="350+440",
    ),
    "CH": CountryTones(
        call_waiting="425/200,0/200,425/200,0/4000",
        message_waiting="425+340/1100,0/1100",
    ),
    "CZ": CountryTones(
        dial="425/330,0/330,425/660,0/660",
        busy="425/330,0/330",
        congestion="425/165,0/165",
        call_waiting="425/330,0/9000",
        message_waiting="425/450,0/50",
    ),
    "DE": CountryTones(
        busy="425/480,0/480",
        congestion="425/240,0/240",
        call_waiting="425/200,0/200,425/200,0/5000",
        message_waiting="425+400",
    ),
    "DK": CountryTones(
        call_waiting="425/200,0/600,425/200,0/3000",
        message_waiting="425/450,0/50",
    ),
    "ES": CountryTones(
        ringback="425/1500,0/3000",
        busy="425/200,0/200",
        congestion="425/200,0/200,425/200,0/200,425/200,0/600",
        call_waiting="425/175,0/175,425/175,0/3500",
    ),
    "FI": CountryTones(
        busy="425/300,0/300",
        call_waiting="425/150,0/150,425/150,0/8000",
        message_waiting="425/650,0/25",
    ),
    "FR": CountryTones(
        dial="440",
        ringback="440/1500,0/3500",
        busy="440/500,0/500",
        congestion="440/250,0/250",
        call_waiting="440/300,0/10000",
    ),
    "GB": _UNITED_KINGDOM,
    "IN": CountryTones(
        dial="400*25",
        ringback="400*25/400,0/200,400*25/400,0/2000",
        busy="400/750,0/750",
        congestion="400/250,0/250",
        call_waiting="400/200,0/100,400/200,0/7500",
    ),
    "IT": CountryTones(
        dial="425/200,0/200,425/600,0/1000",
        call_waiting="425/400,0/100,425/250,0/100,425/150,0/14000",
        message_waiting="470/400,425/400",
    ),
    "JP": CountryTones(
        dial="400",
        ringback="400*16/1000,0/2000",
        busy="400/500,0/500",
        congestion="400/500,0/500",
        call_waiting="400*16/500,0/8000",
    ),
    "NL": CountryTones(
        congestion="425/250,0/250",
        call_waiting="425/500,0/9500",
        message_waiting="425/500,0/50",
    ),
    "NO": CountryTones(message_waiting="470/400,425/400"),
    "NZ": CountryTones(
        dial="400",
        ringback="400+450/400,0/200,400+450/400,0/2000",
        busy="400/500,0/500",
        congestion="400/250,0/250",
        call_waiting="400/200,0/3000",
    ),
    "PL": CountryTones(
        congestion="425/500,0/500",
        call_waiting="425/150,0/150,425/150,0/4000",
    ),
    "PT": CountryTones(
        ringback="425/1000,0/5000",
        call_waiting="440/300,0/10000",
    ),
    "SE": CountryTones(
        ringback="425/1000,0/5000",
        busy="425/250,0/250",
        congestion="425/250,0/750",
        call_waiting="425/200,0/500,425/200,0/9100",
        message_waiting="425/320,0/20",
    ),
    "UK": _UNITED_KINGDOM,
    "US": CountryTones(
        dial="350+440",
        ringback="440+480/2000,0/4000",
        busy="480+620/500,0/500",
        congestion="480+620/250,0/250",
        call_waiting="440/300,0/10000",
    ),
}
