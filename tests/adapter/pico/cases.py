"""The same checks on CPython and on MicroPython, over the files as they lie on the Pico.

Run in that folder: `micropython cases.py`. Prints the name of each check that held.
"""

from line import DIALLED, FLASHED, LIFTED, NOISY, REPLACED, TOO_MANY, Line, Ring
from link import messages
from link.frames import FRAME_BYTES_MAX, Splitter, decode, encode
from link.matrix import COLUMNS_MAX, Matrix, ghosts, place
from link.session import QUEUE_MAX, Session

STEP_MS = 2


def new_line():
    return Line(10, 120, 180, 500, 240)


def events(moves, line=None):
    """What the line says about levels, each held for some ms, on a handset that was lifted."""
    if line is None:
        line = new_line()
        moves = [(1, 100)] + moves
    found = []
    for level, lasts_ms in moves:
        for _ in range(lasts_ms // STEP_MS):
            event = line.step(bool(level), STEP_MS)
            if event:
                found.append(event)
    return found


def pulses(count, break_ms, make_ms):
    return [(0, break_ms), (1, make_ms)] * (count - 1) + [(0, break_ms), (1, 300)]


def kinds(found):
    return [kind for kind, _ in found]


def check_each_digit_of_each_dial():
    for break_ms, make_ms in ((60, 40), (67, 33), (50, 50), (40, 60), (100, 90), (34, 28)):
        for count in range(1, 11):
            found = events(pulses(count, break_ms, make_ms))
            assert found == [(LIFTED, 0), (DIALLED, count)], (break_ms, make_ms, count, found)


def check_bouncing_dial_counts_no_pulse_twice():
    for count in range(1, 11):
        moves = []
        for _ in range(count):
            moves += [(0, 2), (1, 2), (0, 4), (1, 2), (0, 50), (1, 4), (0, 2), (1, 34)]
        assert events(moves + [(1, 300)]) == [(LIFTED, 0), (DIALLED, count)], count


def check_eleven_pulses_are_no_digit():
    assert events(pulses(11, 60, 40))[-1] == (TOO_MANY, 11)


def check_two_digits_with_a_pause_are_two():
    assert events(pulses(3, 60, 40) + pulses(10, 60, 40))[1:] == [(DIALLED, 3), (DIALLED, 10)]


def check_flash_against_pulse_against_hanging_up():
    table = (
        (14, []),  # a knock
        (60, [DIALLED]),
        (120, [DIALLED]),
        (150, []),  # too long for a pulse, too short for a flash
        (200, [FLASHED]),
        (480, [FLASHED]),
        (540, [REPLACED, LIFTED]),
    )
    for open_ms, expected in table:
        assert kinds(events([(0, open_ms), (1, 400)]))[1:] == expected, open_ms


def check_flash_is_told_with_its_length():
    ((kind, length),) = events([(0, 300), (1, 50)])[1:]
    assert kind == FLASHED and 290 <= length <= 310, length


def check_timings_of_another_country_are_taken():
    line = new_line()
    line.set_timings(10, 80, 90, 1000)
    found = events([(1, 100), (0, 100), (1, 300), (0, 900), (1, 50), (0, 1020)], line)
    assert kinds(found) == [LIFTED, FLASHED, FLASHED, REPLACED], found


def check_bounce_shorter_than_debounce_is_nothing():
    assert events([(0, 500), (1, 6), (0, 500)] * 3, new_line()) == []


def check_loose_wire_is_told_once_and_is_on_the_hook():
    found = events([(1, 4), (0, 4)] * 400)
    assert kinds(found) == [LIFTED, NOISY], found


def check_wire_that_holds_again_is_believed():
    line = new_line()
    events([(1, 4), (0, 4)] * 400, line)
    assert kinds(events([(1, 2500)], line)) == [LIFTED]


def check_ring_keeps_cadence_and_frequency():
    for hertz, half_ms in ((20, 25), (25, 20), (50, 10)):
        ring, on_ms, toggles = Ring(), 0, 0
        ring.start(hertz, [1000, 4000])
        before = ring.forward
        for _ in range(5000 // STEP_MS):
            on_ms += STEP_MS * ring.on
            ring.step(STEP_MS)
            toggles += ring.on and ring.forward != before
            before = ring.forward
        assert abs(on_ms - 1000) <= 2 * STEP_MS, on_ms
        assert abs(toggles - 1000 // half_ms) <= 2, (hertz, toggles)
        ring.stop()
        assert not ring.on and not ring.active and ring.forward


def check_line_that_rings_is_not_lifted_by_its_own_ripple():
    line, found = new_line(), []
    for step in range(500):
        found.append(line.step(step // 10 % 2 == 0, STEP_MS, True))  # 25 Hz on SHK
    assert set(found) == {None}, found
    for _ in range(40):
        found.append(line.step(True, STEP_MS, True))
    assert (LIFTED, 0) in found


def check_frames_round_trip_and_truncations_are_refused():
    for kind, number, arguments in (("H", 0, "1"), ("T", 99, "10 120 180 500"), ("R", 7, "")):
        frame = encode(kind, number, arguments)
        assert len(frame) <= FRAME_BYTES_MAX and b"\x03" not in frame
        assert decode(frame[:-1]) == (kind, number, arguments)
        for end in range(len(frame) - 1):
            assert decode(frame[:end]) is None, frame[:end]
        for at in range(len(frame) - 1):
            for bit in range(8):
                bad = bytearray(frame[:-1])
                bad[at] ^= 1 << bit
                assert decode(bytes(bad)) is None, bad


def check_splitter_takes_pieces_and_survives_noise():
    splitter = Splitter()
    frame = encode("H", 5, "1")
    found = []
    for piece in (
        b">>> hello\r\n",
        frame[:4],
        frame[4:],
        b"\xff" * 1000,
        b"\n",
        b"garbage" + frame,
    ):
        found += splitter.push(piece)
    assert found == [("H", 5, "1")] * 2, found
    assert splitter.noise == 2, splitter.noise


def converse(one, other, steps, lose=lambda number: False):
    """What each end hears, with the datagrams of `lose` lost."""
    heard, number = ([], []), 0
    for _ in range(steps):
        for index, (sender, receiver) in enumerate(((one, other), (other, one))):
            data = sender.step(10)
            if data:
                number += 1
                heard[index].extend([] if lose(number) else receiver.feed(data))
    return heard


def check_session_delivers_in_order_and_once():
    one, other = Session("1 one"), Session("1 other")
    for number in range(QUEUE_MAX - 1):
        one.send("D", str(number))
    heard, _ = converse(one, other, 100)
    assert heard == [("A", "1 one")] + [("D", str(n)) for n in range(QUEUE_MAX - 1)], heard
    assert one.idle and one.lost == 0


def check_session_repeats_what_was_lost():
    for first in range(1, 8):
        one, other = Session("1 one"), Session("1 other")
        one.send("B", "3")
        heard, _ = converse(one, other, 100, lambda number: number in (first, first + 2))
        assert heard.count(("B", "3")) == 1, (first, heard)


def check_session_gives_up_after_its_tries_and_goes_on():
    one, other = Session("1 one"), Session("1 other")
    one.send("B", "3")
    for _ in range(150):
        one.step(10)
    assert one.idle and one.lost == 2
    one.send("B", "4")
    heard, _ = converse(one, other, 20)
    assert heard == [("B", "4")], heard


def check_session_with_a_full_queue_drops_the_oldest():
    one = Session("1 one")
    for number in range(QUEUE_MAX + 4):
        one.send("D", str(number))
    assert one.lost == 5


def check_session_hears_one_that_was_reset():
    one = Session("1 one")
    for nonce in ("a", "b", "c"):
        other = Session("1 " + nonce)
        other.send("H", "1")
        _, heard = converse(one, other, 30)
        assert heard == [("A", "1 " + nonce), ("H", "1")], heard


def check_numbers_refuse_what_is_none():
    assert messages.numbers("25 1000 4000", 1, 10000, 2, 9) == [25, 1000, 4000]
    for bad in ("", "x", "1 -2", "1 2 3 4", "1 99999", "1e3 1", "\xb2 1", "999999999 1"):
        assert messages.numbers(bad, 1, 10000, 2, 3) is None, bad


def check_matrix_tells_each_press_once():
    matrix = Matrix(20)
    assert [matrix.step({9}, 10) for _ in range(5)] == [[], [], [9], [], []]
    assert [matrix.step(set(), 10) for _ in range(4)] == [[], [], [], []] and matrix.quiet


def check_matrix_rejects_every_ghost_of_three_keys():
    corners = 0
    for a in range(16):
        for b in range(a):
            for c in range(b):
                held = {place(key // 4, key % 4) for key in (a, b, c)}
                closed = conducted(held)
                corners += closed != held
                assert closed == held or closed == ghosts(closed) & closed, held
                if closed != held:
                    matrix = Matrix(20)
                    assert not [key for _ in range(9) for key in matrix.step(closed, 10)]
    assert corners == 144, corners  # sets of three on the corners of a rectangle, of 560


def conducted(held):
    """What a matrix without diodes shows: every row and column that keys join, joins."""
    closed = set(held)
    for _ in range(4):
        for one in list(closed):
            for other in list(closed):
                row, column = one // COLUMNS_MAX, other % COLUMNS_MAX
                if place(other // COLUMNS_MAX, one % COLUMNS_MAX) in closed:
                    closed.add(place(row, column))
    return closed


for name, check in sorted(globals().items()):
    if name.startswith("check_"):
        check()
        print(name)
