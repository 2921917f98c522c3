import io

import pytest
from rich.cells import cell_len
from rich.console import Console

from experiments._sweep_status import COLUMNS, SweepStatus
from experiments._tables import console, fitting

LABELS = ["quick", "a-label-of-thirty-two-characters", "[old] run", ":smile:", "猫と犬", "κβάντα"]
HEADS = ("label", "experiment", *COLUMNS)


def drawn(width: int, labels=LABELS) -> str:
    status = SweepStatus(16, running=2, finished=3, left=12345.0, rate=1.5)
    rows = [(label, "epochs_to_target", *status.cells()) for label in labels]
    out = io.StringIO()
    Console(file=out, width=width).print(fitting(HEADS, rows, width, name=2))
    return out.getvalue()


@pytest.mark.parametrize("width", [30, 40, 80, 100, 120, 200])
def test_at_any_width_every_cell_can_be_read_and_no_line_is_longer(width):
    text = drawn(width)
    for word in ("epochs_to_target", "running", "3:25:45", "…"):
        assert (word in text) == (word != "…")
    for label in LABELS:  # as it is: neither markup nor an emoji's name; the longest is folded, not cut
        assert label in text or label in "".join(text.split("\n"))
    assert max(map(cell_len, text.splitlines())) <= width


def test_where_it_fits_it_is_a_table():
    assert "┃" in drawn(120, ["quick"])
    assert "┃" not in drawn(80, ["quick"])


def test_what_is_piped_keeps_all_columns(monkeypatch, capsys):
    monkeypatch.delenv("COLUMNS", raising=False)
    out = console()
    out.print(fitting(HEADS, [("x" * 300, "train", *SweepStatus(1).cells())], out.width, name=2))
    assert "x" * 300 in capsys.readouterr().out


def test_watch_says_how_wide_its_terminal_is(monkeypatch):
    monkeypatch.setenv("COLUMNS", "72")
    assert console().width == 72
