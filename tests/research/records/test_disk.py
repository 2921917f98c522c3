import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from research.errors import InvalidInput
from research.records import disk
from research.records.disk import broken, clear_leftovers, move_aside, partial_name, report_disk_full, seal

ROOT = Path(__file__).parents[3]
FULL = [OSError(28, "x"), OSError(122, "x"), ValueError("a\nNo space left on device")]


@pytest.fixture
def sealed(tmp_path):
    folder = tmp_path / "folder"
    (folder / "inner").mkdir(parents=True)
    (folder / "a").write_bytes(b"abc")
    (folder / "inner" / "b").write_bytes(b"")
    seal(folder)
    return folder


def test_what_was_sealed_is_whole(sealed):
    assert broken(sealed) is None


@pytest.mark.parametrize(
    ("file", "content"),
    [("a", b"abd"), ("a", b"ab"), ("inner/b", b"x"), ("c", b"new"), ("checksums.json", b"{"), ("a", None)],
)
def test_any_change_of_it_is_named(sealed, file, content):
    (sealed / file).unlink(missing_ok=True)
    if content is not None:
        (sealed / file).write_bytes(content)
    why = broken(sealed)
    assert why is not None
    assert why.startswith(file)


def test_nothing_is_deleted_when_it_is_set_aside(tmp_path, sealed):
    assert move_aside(sealed, tmp_path) == tmp_path / "damaged" / "folder.1"
    sealed.mkdir()
    assert move_aside(sealed, tmp_path) == tmp_path / "damaged" / "folder.2"
    assert move_aside(sealed, tmp_path) is None
    assert broken(tmp_path / "damaged" / "folder.1") is None


def test_leftovers_of_the_dead_are_cleared_away_and_no_others(tmp_path):
    code = "from research.records.disk import partial_name; print(partial_name('dead'))"
    dead = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    mine, other, old = partial_name("mine"), ".tmp-other-ffffffff.1.1-0", ".tmp-old-ffffffff.1.1-0"
    for name in (dead.stdout.strip(), mine, other, old, "record"):
        (tmp_path / name).mkdir()
    long_ago = time.time() - 2 * disk.LEFTOVER_AGE
    os.utime(tmp_path / old, (long_ago, long_ago))
    clear_leftovers(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {mine, other, "record"}


@pytest.mark.parametrize(
    "error", [OSError(28, "x"), OSError(122, "x"), ValueError("a\nNo space left on device")]
)
def test_a_full_disk_is_one_line_whoever_reports_it(tmp_path, error):
    with pytest.raises(InvalidInput, match="no space is left there"), report_disk_full(tmp_path):
        raise error


def test_other_errors_are_left_alone(tmp_path):
    with pytest.raises(OSError, match="else"), report_disk_full(tmp_path):
        raise OSError(5, "else")


def test_where_nothing_can_be_set_aside_it_is_one_line(tmp_path):
    (tmp_path / "damaged").touch()
    (tmp_path / "record").mkdir()
    with pytest.raises(InvalidInput, match=r"results is .*: must be a folder that can be written to"):
        disk.move_aside(tmp_path / "record", tmp_path)
    assert (tmp_path / "record").is_dir()


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
def test_a_read_only_folder_is_one_line(tmp_path, number):
    line = rf"results is .*: must be a folder that can be written to \({os.strerror(number)}\)"
    with pytest.raises(InvalidInput, match=line), disk.report_unwritable(tmp_path):
        raise OSError(number, os.strerror(number))
    with pytest.raises(InvalidInput, match=line), disk.report_disk_full(tmp_path):
        raise OSError(number, os.strerror(number))
