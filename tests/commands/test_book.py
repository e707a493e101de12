"""`fernruf book`: files in and out, and clear words for what is none."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

from firmware.__main__ import main
from firmware.book.vcard import encode_card
from firmware.commands import book
from firmware.events.book import Contact
from firmware.shell.state import StateDir
from tests.book.numbers import valid_numbers

ANNA, BERT, CARL, *_ = islice(valid_numbers(), 5)


@pytest.fixture
def state(tmp_path: Path) -> str:
    """Of a box that has been on."""
    folder = tmp_path / "state"
    StateDir(folder).load_identity()
    return str(folder)


def card_file(folder: Path, *contacts: Contact) -> Path:
    path = folder / "contacts.vcf"
    path.write_bytes(b"".join(map(encode_card, contacts)))
    return path


def test_contacts_go_in_and_come_out_again(
    tmp_path: Path, state: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.vcf"
    path = card_file(
        tmp_path, Contact(BERT, "Bert", "7"), Contact(ANNA, "Anna", "7", is_favourite=True)
    )
    assert main(["book", "import", str(path), "--state", state]) == 0
    assert capsys.readouterr().out == "2 contacts\n"
    card_file(tmp_path, Contact(ANNA, "Änne"))
    assert main(["book", "import", str(path), "--state", state]) == 0
    assert capsys.readouterr().out == "1 contact\n"
    assert main(["book", "export", str(out), "--state", state]) == 0
    assert out.read_bytes() == b"".join(
        map(encode_card, (Contact(BERT, "Bert", "7"), Contact(ANNA, "Änne", is_favourite=True)))
    )


def test_list_of_numbers_is_blocked_until_it_is_unblocked(
    tmp_path: Path, state: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "spam.csv"
    path.write_text("".join(f"{number},spam\n" for number in islice(valid_numbers(), 1000)) + "x\n")
    assert main(["book", "block", str(path), "--state", state]) == 0
    assert capsys.readouterr().out == "1000 numbers blocked; left out: 1 without a number of ours\n"
    assert main(["book", "unblock", "spam.csv", "--state", state]) == 0
    assert main(["book", "unblock", "spam.csv", "--state", state]) == 1
    assert "there are: none" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["import", "block"])
def test_file_that_cannot_be_used_is_named_with_the_reason(
    verb: str, tmp_path: Path, state: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "file"

    def complaint() -> str:
        assert main(["book", verb, str(path), "--state", state]) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert str(path) in line
        return line

    assert "No such file" in complaint()
    path.write_bytes(b"\x89PNG" * 100)
    assert "no vCards" in complaint() or verb == "block"
    with path.open("wb") as file:
        file.truncate(book.FILE_BYTES_MAX + 1)
    assert "split it" in complaint()


@pytest.mark.parametrize("verb", ["import", "export", "block", "unblock"])
def test_folder_in_which_no_box_has_been_is_refused_and_not_made(
    verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, path = tmp_path / "misspelt", tmp_path / "contacts.vcf"
    path.write_bytes(encode_card(Contact(ANNA, "Anna")))
    assert main(["book", verb, str(path), "--state", str(folder)]) == 1
    assert "no box keeps its state here" in capsys.readouterr().err
    assert not folder.exists()
