"""Tables for whoever looks at a terminal: of any width, with the users' own words in any script."""

import os
import sys
from collections.abc import Sequence

from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Column, Table
from rich.text import Text

PIPED = 10_000  # columns: what is read by a program, or looked at with a pager, is not cut


def console() -> Console:
    """Standard output: as wide as the terminal, or as `watch` says that its terminal is.

    Texts are drawn as they are: a label `[old]` is no markup, and `:name:` no emoji.
    """
    narrow = sys.stdout.isatty() or "COLUMNS" in os.environ
    return Console(width=None if narrow else PIPED, markup=False, emoji=False, highlight=False)


def fitting(
    columns: Sequence[str],
    rows: Sequence[Sequence[str | RenderableType]],
    width: int,
    name: int = 1,
    title: str | None = None,
) -> RenderableType:
    """A table where it fits; else lines for each row: its name, and its other cells with their headers.

    Args:
        width: of the terminal, in columns.
        name: how many of a row's first cells say what it is of.
        title: above the table.
    """
    table = Table(*(Column(Text(head)) for head in columns), title=title and Text(title))
    for row in rows:
        table.add_row(*map(_text, row))
    if table.__rich_measure__(_PLAIN, _PLAIN.options.update(max_width=PIPED)).maximum <= width:
        return table
    lines: list[RenderableType] = [] if title is None else [Text(title, style="italic")]
    for row in rows:
        if all(isinstance(cell, str) for cell in row[:name]):
            lines.append(Text(" ".join(map(str, row[:name])), style="bold"))
        else:
            lines += [Text(columns[0], style="bold"), *row[:name]]
        facts = [f"{head} {cell}" for head, cell in zip(columns[name:], row[name:], strict=True)]
        lines.append(Padding(Columns(map(Text, facts), padding=(0, 2, 0, 0)), (0, 0, 0, 2)))
    return Group(*lines)


def _text(cell: str | RenderableType) -> RenderableType:
    return Text(cell) if isinstance(cell, str) else cell


_PLAIN = Console(width=PIPED)
