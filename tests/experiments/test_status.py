import io
import time

import pytest
from rich.console import Console

from experiments import status
from experiments._sweep_status import duration
from research.records.store import Row, Store
from research.sweeps.leases import Leases

ROWS = [Row(1, 1.0, "test", "loss", 1.0)]
NAMES = ["f", "d", "o", "r", "w", "b"]


@pytest.fixture
def plan(tmp_path, monkeypatch):
    """Six runs of equal size, begun a minute ago: each initial says what has become of it."""
    monkeypatch.setattr("research.records.store.identity", lambda config: config["name"])
    monkeypatch.setattr("research.records.store.canonical", dict)
    store = Store(tmp_path)
    store.prepare()
    for name, outcome in (("f", "finished"), ("d", "diverged"), ("o", "out_of_memory"), ("b", "finished")):
        store.write({"name": name}, ROWS, {"status": outcome}, {})
    (tmp_path / "records" / "b" / "record.json").write_text("{")
    store.write_plan("smoke", "train", {"runs": dict.fromkeys(NAMES, 100), "started": time.time() - 60})
    return store


def test_all_is_told_from_what_is_on_disk(plan):
    with Leases(plan.folder / "leases", beat=0.01) as leases:
        leases.acquire("r")
        leases.note("r", epochs=1, of=2)
        time.sleep(0.1)
        found, damaged = status.status_of(plan.plans()["smoke", "train"], plan, status.alive(plan.folder))
        assert (found.running, found.finished, found.diverged, found.failed, damaged) == (1, 1, 1, 1, 1)
        assert found.rate == pytest.approx(3, rel=0.05)
        assert found.left == pytest.approx(60 * 2.5 / 3.5, rel=0.05)  # half of one, and two, of six are left
        out = io.StringIO()
        status.show(plan.folder, Console(file=out, width=120))
    text = out.getvalue()
    assert "1 of 2" in text
    assert "1 records are damaged" in text


def test_where_nobody_works_no_end_is_foretold(plan):
    found, _ = status.status_of(plan.plans()["smoke", "train"], plan, status.alive(plan.folder))
    assert (found.running, found.rate, found.left) == (0, None, None)
    assert found.cells() == ["0", "1", "1", "1", "3", "–", "–"]


def test_durations():
    assert [duration(None), duration(3723.4)] == ["–", "1:02:03"]
