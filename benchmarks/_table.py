"""Results as rows, and rows as a table: on the terminal, in Markdown, in JSON."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks._harness import Spread

COLUMNS = ("what", "unit", "ours", "theirs", "limit", "ratio", "of the limit")


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        benchmark: the module it is from.
        what: the work.
        unit: of `ours`, `theirs` and `limit`.
        ours: median and quartiles.
        theirs: that of what the ratio is to: PyTorch's best arrangement, mostly.
        limit: the best that the machine allows.
        ratio: the row's result, of samples taken side by side; above 1 ours is the faster where it is against
            PyTorch.
        against: what the ratio is to.
        less_is_better: whether a smaller value is the better one, as of a cost.
        detail: all that does not fit in a column: PyTorch's other arrangements, what bounds the limit.
    """

    benchmark: str
    what: str
    unit: str
    ours: Spread
    theirs: Spread | None = None
    limit: float | None = None
    ratio: Spread | None = None
    against: str = "PyTorch"
    less_is_better: bool = False
    detail: dict[str, Any] = field(default_factory=dict)

    @property
    def of_limit(self) -> float | None:
        """How much of the limit is reached, at most 1 where the limit is one."""
        if self.limit is None:
            return None
        return self.limit / self.ours.median if self.less_is_better else self.ours.median / self.limit

    def cells(self) -> tuple[str, ...]:
        """Its columns as text."""
        return (
            self.what,
            self.unit,
            _spread(self.ours),
            _spread(self.theirs),
            "" if self.limit is None else _number(self.limit),
            "" if self.ratio is None else f"{_spread(self.ratio)} x {self.against}",
            "" if self.of_limit is None else f"{self.of_limit:.0%}",
        )


def show(rows: Sequence[Row], title: str) -> None:
    """Print on the terminal."""
    table = Table(*COLUMNS, title=title, title_justify="left")
    for row in rows:
        table.add_row(*row.cells())
    console = Console()
    if not console.is_terminal:  # a log has no width of its own
        console = Console(width=200)
    console.print(table)


def markdown(rows: Sequence[Row], facts: dict[str, Any], command: str) -> str:
    """The table with what it was measured on."""
    lines = [f"`{command}`", "", "| fact | value |", "| --- | --- |"]
    lines += [f"| {name} | {value} |" for name, value in facts.items()]
    lines += ["", f"| {' | '.join(COLUMNS)} |", "| --- " * len(COLUMNS) + "|"]
    lines += [f"| {' | '.join(row.cells())} |" for row in rows]
    lines += ["", "Median, and quartiles in parentheses. `docs/speed.md` says what the rows mean.", ""]
    return "\n".join(lines)


def save(rows: Sequence[Row], facts: dict[str, Any], command: str, path: Path) -> None:
    """Write `path`.md and `path`.json."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_name(path.name + ".md").write_text(markdown(rows, facts, command))
    content = {"command": command, "facts": facts, "rows": [asdict(row) for row in rows]}
    path.with_name(path.name + ".json").write_text(json.dumps(content, indent=1) + "\n")


def _number(value: float) -> str:
    """Three significant digits, thousands separated."""
    if value == 0:
        return "0"
    if abs(value) >= 100:
        digits = len(str(int(abs(value))))
        return f"{round(value, 3 - digits):,.0f}"
    return f"{value:.3g}"


def _spread(value: Spread | None) -> str:
    if value is None:
        return ""
    if value.samples == 1:
        return _number(value.median)
    return f"{_number(value.median)} ({_number(value.low)} to {_number(value.high)})"
