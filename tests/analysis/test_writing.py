from pathlib import Path

import pytest

from analysis._writing import report_unwritable, require_writable, write_text
from research.errors import InvalidInput


def test_a_page_is_written_or_refused_in_a_line(tmp_path):
    write_text("out", tmp_path / "page.md", "é")
    assert (tmp_path / "page.md").read_bytes() == b"\xc3\xa9"
    for path in (tmp_path, tmp_path / "no" / "page.md", tmp_path / "page.md" / "page.md"):
        with pytest.raises(InvalidInput, match=f"^out is '{path}': must be a file that can be written"):
            write_text("out", path, "")


def test_a_folder_is_asked_before_anything_is_made(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "nothing")
    require_writable("to", tmp_path / "a" / "b", "go on")
    for name in ("file", "file/inside", "link", "link/inside"):
        with pytest.raises(InvalidInput, match=f"^to is '{tmp_path / name}': must be a folder .*; go on$"):
            require_writable("to", tmp_path / name, "go on")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "link"]


def test_what_cannot_be_written_meanwhile_is_a_line_too(tmp_path):
    with (
        pytest.raises(InvalidInput, match=r"^to is 'here': .*\(Is a directory\); go on$"),
        report_unwritable("to", Path("here"), "go on"),
    ):
        tmp_path.write_text("")
