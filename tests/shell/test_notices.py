"""The notice board: what other programs leave in a folder comes to the display, if it fits."""

from __future__ import annotations

from pathlib import Path

from firmware.events import Fact
from firmware.events.system import (
    BODY_CHARACTERS_MAX,
    NOTICES_MAX,
    TITLE_CHARACTERS_MAX,
    Notice,
    NoticesChanged,
)
from firmware.shell.notices import FILE_BYTES_MAX, NoticeBoard, post_notice, read_notices

UPDATED = Notice("Updated", "Version 2 runs.")


def test_notice_is_told_when_it_comes_and_when_it_goes(tmp_path: Path) -> None:
    told: list[Fact] = []
    board = NoticeBoard(tmp_path, told.append)
    board.look()
    assert told == []
    post_notice(tmp_path, "update", UPDATED)
    board.look()
    board.look()
    assert told == [NoticesChanged((UPDATED,))]
    post_notice(tmp_path, "update", None)
    board.look()
    assert told[1:] == [NoticesChanged(())]


def test_board_that_is_not_there_is_empty_and_takes_nothing(tmp_path: Path) -> None:
    post_notice(tmp_path / "none", "update", UPDATED)
    assert read_notices(tmp_path / "none") == ()


def test_notices_are_cut_to_what_a_display_can_show(tmp_path: Path) -> None:
    for number in range(NOTICES_MAX + 1):
        (tmp_path / str(number)).write_bytes(b"long title of many words\n" + b"\xff" * 2000)
    notices = read_notices(tmp_path)
    assert len(notices) == NOTICES_MAX
    assert {len(notice.title) for notice in notices} == {TITLE_CHARACTERS_MAX}
    assert {len(notice.body) for notice in notices} == {BODY_CHARACTERS_MAX}
    assert FILE_BYTES_MAX > BODY_CHARACTERS_MAX


def test_folder_among_the_notices_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "0").mkdir()
    post_notice(tmp_path, "1", UPDATED)
    assert read_notices(tmp_path) == (UPDATED,)
