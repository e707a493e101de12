"""Telephone numbers: check digit, reserved prefixes, what a digest says."""

from firmware import number

NOT_ZERO = bytes([1]) + bytes(31)


def digest_of(value: int) -> bytes:
    """A digest that passes the search and whose 120 bits are `value`."""
    return bytes(1) + value.to_bytes(15, "big") + bytes(16)


def test_check_digit_of_the_published_example_is_four() -> None:
    assert number.check_digit("572") == "4"  # Damm's thesis, and every description of it since


def test_check_digit_finds_every_single_wrong_digit() -> None:
    digits = "47110815123"
    right = number.check_digit(digits)
    for i in range(len(digits)):
        for wrong in "0123456789":
            if wrong != digits[i]:
                changed = digits[:i] + wrong + digits[i + 1 :]
                assert number.check_digit(changed) != right, (i, wrong)


def test_check_digit_finds_every_swap_of_neighbours() -> None:
    digits = "47110815123"
    for i in range(len(digits) - 1):
        swapped = digits[:i] + digits[i + 1] + digits[i] + digits[i + 2 :]
        if swapped != digits:
            assert number.check_digit(swapped) != number.check_digit(digits), i


def test_digest_without_eight_zero_bits_is_no_number() -> None:
    assert number.from_digest(NOT_ZERO) is None


def test_digest_gives_eleven_digits_and_the_check_digit() -> None:
    found = number.from_digest(digest_of(47_110_815_123))
    assert found == "47110815123" + number.check_digit("47110815123")
    assert number.is_valid(found)


def test_digest_is_taken_modulo_ten_to_the_eleven() -> None:
    assert number.from_digest(digest_of(10**11 + 47_110_815_123)) == number.from_digest(
        digest_of(47_110_815_123)
    )


def test_digest_of_a_reserved_prefix_is_no_number() -> None:
    for prefix in ("0", "1", "9"):
        assert number.from_digest(digest_of(int(prefix + "2345678901"))) is None, prefix


def test_no_emergency_number_is_the_beginning_of_a_number() -> None:
    for emergency in number.EMERGENCY_NUMBERS:
        assert number.is_reserved(emergency)
        assert number.from_digest(digest_of(int(f"{emergency:0<11}"))) is None


def test_number_with_wrong_length_letters_or_foreign_digits_is_invalid() -> None:
    good = "47110815123" + number.check_digit("47110815123")
    assert number.is_valid(good)
    for bad in ("", good[:-1], good + "0", good[:-1] + "x", good.replace("4", "٤")):
        assert not number.is_valid(bad), bad


def test_number_is_displayed_in_groups_of_four() -> None:
    assert number.display("471108151234") == "4711 0815 1234"
    assert number.display("47110") == "4711 0"
    assert number.display("") == ""
