import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from research.errors import InvalidInput
from research.sweeps.leases import Leases, under

ROOT = Path(__file__).parents[3]


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "leases"


def elsewhere(folder, name="work", number=0):
    """A lease of another machine's process."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.{number}").write_text('{"tag": "ffffffff.1.1", "token": "x"}')


def test_work_is_leased_once_and_is_free_when_given_up(folder):
    with Leases(folder) as mine, Leases(folder) as theirs:
        assert mine.acquire("work")
        assert mine.acquire("work")
        assert not theirs.acquire("work")
        assert theirs.acquire("other")
        mine.release("work")
        assert theirs.acquire("work")
        assert not mine.acquire("work")
    assert list(folder.iterdir()) == []


def test_a_heartbeat_keeps_a_lease_and_tells_what_is_done(folder):
    with Leases(folder, beat=0.02) as mine, Leases(folder, stale=0.5) as theirs:
        mine.acquire("work")
        mine.note("work", epochs=3)
        until = time.monotonic() + 0.7
        while time.monotonic() < until:
            assert not theirs.acquire("work")
            time.sleep(0.02)
        (seen,) = under(folder)
        assert (seen.name, seen.dead, seen.note) == ("work", False, {"epochs": 3})
        assert not mine.lost("work")


def test_a_lease_without_heartbeat_is_taken_over_after_a_while_by_this_ones_clock(folder):
    elsewhere(folder)
    os.utime(folder / "work.0", (0, 0))  # another machine's clock may say anything
    with Leases(folder, stale=0.2) as leases:
        assert not leases.acquire("work")
        time.sleep(0.25)
        assert leases.acquire("work")
    assert list(folder.iterdir()) == []


def test_the_lease_of_a_dead_process_of_this_machine_is_taken_over_at_once(folder):
    code = "import os, sys, pathlib; from research.sweeps.leases import Leases; "
    code += "Leases(pathlib.Path(sys.argv[1])).acquire('work'); os._exit(0)"
    subprocess.run([sys.executable, "-c", code, folder], cwd=ROOT, check=True)
    assert under(folder)[0].dead
    with Leases(folder) as leases:
        assert leases.acquire("work")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff"])
def test_a_damaged_lease_is_one_without_heartbeat(folder, content):
    folder.mkdir()
    (folder / "work.0").write_bytes(content)
    with Leases(folder, stale=0.1) as leases:
        assert not leases.acquire("work")
        time.sleep(0.15)
        assert leases.acquire("work")


def test_of_many_takers_at_once_one_gets_it(folder):
    """With stale=0.2, takers that all saw the same lease grow stale try for it at the same moment."""
    takers = [Leases(folder, stale=0.2) for _ in range(8)]
    names = [f"work{trial}" for trial in range(10)]
    for name in names:
        elsewhere(folder, name)
    got = []
    start = threading.Barrier(len(takers))

    def take(leases):
        assert not any(leases.acquire(name) for name in names)
        time.sleep(0.25)
        for name in names:
            start.wait()
            if leases.acquire(name):
                got.append(name)

    threads = [threading.Thread(target=take, args=(leases,)) for leases in takers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == sorted(names)
    for leases in takers:
        with leases:
            pass
    assert list(folder.iterdir()) == []


def test_who_was_silent_for_too_long_learns_that_the_work_is_anothers(folder):
    with Leases(folder, beat=0.02) as slow, Leases(folder, stale=0.1) as quick:
        assert slow.acquire("work")
        with slow._lock:  # its heartbeat stands still
            assert not quick.acquire("work")
            time.sleep(0.15)
            assert quick.acquire("work")
        deadline = time.monotonic() + 5
        while not slow.lost("work"):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        slow.release("work")
        assert (folder / "work.1").exists()
        assert not quick.lost("work")


def test_where_no_lease_can_be_written_it_is_one_line(tmp_path):
    (tmp_path / "leases").touch()
    with (
        Leases(tmp_path / "leases") as leases,
        pytest.raises(InvalidInput, match="must be a folder that can"),
    ):
        leases.acquire("work")


def test_a_lease_that_another_user_lets_nobody_read_goes_stale_like_any_other(tmp_path, monkeypatch):
    folder = tmp_path / "leases"
    with Leases(folder, beat=0.02) as others, Leases(folder, stale=0.5) as mine:
        assert others.acquire("work")
        before = Path.read_bytes

        def closed(path):
            if path.name == "work.0":
                raise PermissionError
            return before(path)

        monkeypatch.setattr(Path, "read_bytes", closed)
        for _ in range(4):  # its heartbeat is seen in its time
            assert not mine.acquire("work")
            time.sleep(0.2)
        others._stop.set()  # it falls silent
        time.sleep(0.1)
        assert not mine.acquire("work")
        time.sleep(0.6)
        assert mine.acquire("work")
        others._held.clear()


def test_a_stale_lease_that_cannot_be_removed_stays(tmp_path, monkeypatch):
    folder = tmp_path / "leases"
    folder.mkdir()
    (folder / "work.0").write_text('{"tag": "", "token": "theirs"}')
    with Leases(folder, stale=0.0) as leases:
        leases.acquire("work")
        assert leases.acquire("work")

        def sticky(path, missing_ok=False):
            raise PermissionError

        monkeypatch.setattr(Path, "unlink", sticky)
        leases.release("work")
