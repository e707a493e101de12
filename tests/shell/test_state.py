"""The state directory: atomic, private, and honest about a card that does not work."""

from pathlib import Path

import pytest

from firmware.errors import CommandError, ConfigError, MalformedError
from firmware.shell.state import IDENTITY, StateDir


def test_identity_is_made_once_and_kept_for_its_owner_only(tmp_path: Path) -> None:
    state = StateDir(tmp_path / "state")
    made = state.load_identity()
    assert state.load_identity() == made
    assert (state.path / IDENTITY).stat().st_mode & 0o777 == 0o600
    assert state.path.stat().st_mode & 0o777 == 0o700


def test_two_boxes_make_different_identities(tmp_path: Path) -> None:
    first, second = (StateDir(tmp_path / name).load_identity() for name in "ab")
    assert first.identity.public_key != second.identity.public_key


def test_damaged_identity_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / IDENTITY).write_bytes(b"half a fi")
    with pytest.raises(ConfigError, match=IDENTITY):
        StateDir(tmp_path).load_identity()
    assert (tmp_path / IDENTITY).read_bytes() == b"half a fi"


def test_write_leaves_no_temporary_file(tmp_path: Path) -> None:
    state = StateDir(tmp_path)
    state.write("peers.json", b"1")
    state.write("peers.json", b"2")
    assert [path.name for path in tmp_path.iterdir()] == ["peers.json"]
    assert state.read("peers.json") == b"2"


def test_file_that_is_not_there_reads_as_none(tmp_path: Path) -> None:
    assert StateDir(tmp_path).read("peers.json") is None


def refuse(_data: bytes) -> str:
    raise MalformedError("not a file of ours")


def test_damaged_file_is_set_aside_and_the_last_one_stays(tmp_path: Path) -> None:
    state = StateDir(tmp_path)
    for content in (b"first", b"second"):
        state.write("contacts.json", content)
        assert state.restore("contacts.json", refuse) is None
        assert state.read("contacts.json") is None
        assert (tmp_path / "contacts.json.damaged").read_bytes() == content


def test_file_that_can_be_read_is_restored_and_stays(tmp_path: Path) -> None:
    state = StateDir(tmp_path)
    state.write("contacts.json", b"good")
    assert state.restore("contacts.json", bytes.decode) == "good"
    assert state.restore("nodes", bytes.decode) is None
    assert state.read("contacts.json") == b"good"


def test_directory_that_cannot_be_made_is_an_error_naming_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(CommandError, match="file"):
        StateDir(tmp_path / "file" / "state")


def test_write_that_fails_is_an_error_naming_the_file(tmp_path: Path) -> None:
    (tmp_path / "peers.json").mkdir()
    with pytest.raises(CommandError, match=r"peers\.json"):
        StateDir(tmp_path).write("peers.json", b"1")
