"""A key matrix without diodes, debounced and freed from ghosts; for both kinds of keypad.

Knows no pin: which places are closed comes in with each step, the presses come out. A place is
`row * COLUMNS_MAX + column`.
Units: `elapsed` and `debounce` are in whatever the caller counts, seconds or milliseconds.
"""

COLUMNS_MAX = 8


def place(row: int, column: int) -> int:
    """One number for a place, so that MicroPython allocates nothing for it."""
    return row * COLUMNS_MAX + column


class Matrix:
    """Each press is told once, after it has lasted for `debounce`; a held key does not repeat."""

    def __init__(self, debounce: float) -> None:
        self.pressed: set[int] = set()  # debounced
        self._debounce = debounce
        self._changing: dict[int, float] = {}  # place: for how long it differs from `pressed`

    @property
    def quiet(self) -> bool:
        """No key is down, none bounces."""
        return not self.pressed and not self._changing

    @property
    def settled(self) -> bool:
        """None bounces, whatever is down."""
        return not self._changing

    def forget(self) -> None:
        """Begin every debounce anew: the contacts could not be read."""
        self._changing.clear()

    def step(self, closed: "set[int]", elapsed: float) -> "list[int]":
        """The places newly pressed; `closed` holds now, and held since the last step or not."""
        if not closed and self.quiet:
            return []
        new = []
        doubtful = ghosts(closed)
        for key in sorted(closed | self.pressed | set(self._changing)):
            if key in doubtful or (key in closed) == (key in self.pressed):
                self._changing.pop(key, None)
                continue
            lasted = self._changing[key] + elapsed if key in self._changing else 0
            if lasted < self._debounce:
                self._changing[key] = lasted
                continue
            self._changing.pop(key, None)
            self.pressed ^= {key}
            if key in closed:
                new.append(key)
        return new


def ghosts(closed: "set[int]") -> "set[int]":
    """The places that may be ghosts: corners of a rectangle.

    Three held keys on three corners close the fourth too, through each other; which three are real
    cannot be seen from outside.
    """
    doubtful = set()
    keys = sorted(closed)
    for one in keys:
        for other in keys:
            row, column = one // COLUMNS_MAX, one % COLUMNS_MAX
            other_row, other_column = other // COLUMNS_MAX, other % COLUMNS_MAX
            if row >= other_row or column == other_column:
                continue
            corners = {place(row, other_column), place(other_row, column)}
            if corners <= closed:
                doubtful |= corners | {one, other}
    return doubtful
