"""Messages of the serial line, and how their arguments are written: numbers with spaces between.

Units: `_ms` milliseconds, `_hz` hertz. Source: docs/protocol.md section "The adapter's line".
"""

VERSION = 1

# from the adapter
HELLO = "A"  # version, nonce: it has begun anew
HOOK = "H"  # 1 = lifted
FLASH = "F"  # its length in ms
PULSES = "D"  # a digit of the dial: how many pulses; which digit they mean is the host's business
KEY = "B"  # row and column of a pressed key
STATE = "S"  # answers PING: hook, ringing, frames that were noise
TROUBLE = "E"  # a number of TROUBLES
# from the host
PING = "Q"
RING = "R"  # hertz, sound, pause, sound, pause, ... in ms; nothing = silence
REVERSAL = "V"  # 1 = the polarity of the pair is reversed
LAMP = "L"  # 1 = a message waits
TIMINGS = "T"  # debounce, longest break of a pulse, shortest flash, longest flash; all in ms

TROUBLES = (
    "the adapter was reset by its watchdog",
    "the line opens and closes too often: a loose wire?",
    "the dial gave more than ten pulses",
    "the adapter did not understand the box",
)
WATCHDOG, NOISY_LINE, TOO_MANY_PULSES, NOT_UNDERSTOOD = 0, 1, 2, 3

DEBOUNCE_MS = 10
PULSE_BREAK_MAX_MS = 120  # 60/40 and 67/33 at 10 pulses a second, and a slow dial
FLASH_MIN_MS = 180
FLASH_MAX_MS = 500  # longer on the hook is hung up
DIGIT_END_MS = 240  # a make as long as this ends the digit
HOST_SILENT_MS = 3000  # then the adapter stops the bell
PING_MS = 1000
RING_HZ_MIN, RING_HZ_MAX = 16, 68  # Ag1171 data sheet: ringing frequencies
CADENCE_MAX = 8  # sounds and pauses
MS_MAX = 10000


def numbers(text: str, low: int, high: int, count_min: int, count_max: int) -> "list[int] | None":
    """The numbers in `text`, each from `low` to `high`; None if it is anything else."""
    words = text.split()
    if not count_min <= len(words) <= count_max:
        return None
    found = []
    for word in words:
        if len(word) > 8 or not all(c in "0123456789" for c in word):
            return None
        if not low <= int(word) <= high:
            return None
        found.append(int(word))
    return found


def joined(values: "list[int]") -> str:
    """The arguments of a message."""
    return " ".join([str(value) for value in values])
