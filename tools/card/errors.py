"""Everything that can go wrong with a card, each with the exit code that scripts see."""

from __future__ import annotations


class CardError(Exception):
    """It did not work; the text is the one line on stderr."""

    exit_code = 1


class RefusedError(CardError):
    """This disk is not to be written: it is no card, is in use, or nobody confirmed it."""

    exit_code = 3


class ImageError(CardError):
    """The image is truncated, damaged, of another kind, or not signed by who should."""

    exit_code = 4


class BadCardError(CardError):
    """The card did not keep what was written: worn out, or smaller than it says."""

    exit_code = 5
