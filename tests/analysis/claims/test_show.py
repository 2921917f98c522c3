"""Claims as people see them on a terminal, or in a pipe."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from analysis.claims import Claim, Evidence, ask
from analysis.claims._published import ClaimResults, answers
from analysis.claims._show import compare, show
from tests.analysis.claims.test_verdict import giving
from tests.analysis.claims.worlds import ABOUT

FIGURES = Path(__file__).parents[3] / "paper_figures"


def printed(write, *of, terminal: bool = False, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=terminal)
    write(*of, console)
    return console.file.getvalue()  # type: ignore[attr-defined]


def joined(text: str) -> str:
    """Its lines as one."""
    return " ".join(text.split())


def results(
    *values: float, label: str = "quick", sentence: str = "it is so", data: str = "synthetic", seed: int = 0
):
    about = ABOUT | {"data": data, "preset": "quick"}
    evidence = Evidence({"lr_sweep": pd.DataFrame({"seed": [seed]})}, {"lr_sweep": about})
    claim = Claim("X1", sentence, "here", ("lr_sweep",), (giving(*values),))
    return ClaimResults(label, evidence, [ask(claim, evidence)])


def test_the_table_has_every_claim_and_what_to_do_about_it():
    text = printed(show, answers(FIGURES, "quick-remedies"), width=160)
    for name in ("L9-adam", "L9-wider", "C1-number"):
        assert name in text
    assert "experiments.more --label quick-remedies --figures" in text
    assert "--only remedies --seeds" in text
    assert "python -m experiments.all --preset paper --data cifar10 --only lr_sweep" in text


def test_claims_that_were_not_run_are_one_line_and_one_command():
    text = printed(show, answers(FIGURES, "cifar10-jpeg-16"), width=300)
    (line,) = [line for line in text.splitlines() if line.startswith("not run: ")]
    assert "B1, B2, B2-sqrt" in line
    assert "C7" not in line
    commands = [line for line in text.splitlines() if "--label cifar10-jpeg-16" in line]
    assert len([line for line in commands if "--seeds" not in line]) == 1


def test_verdicts_that_are_the_published_ones_are_said_to_be_so():
    text = printed(compare, [results(1.0, 1.01)], [results(1.0, 1.01)])
    assert "1 of 1 verdicts are as published; effects that differ beyond their 95% intervals: none" in joined(
        text
    )
    assert text.count("supported") == 2
    assert "*" not in text


def test_an_effect_that_differs_beyond_the_intervals_is_marked():
    text = printed(compare, [results(-1.0, -1.01)], [results(1.0, 1.01)])
    (row,) = [line for line in text.splitlines() if "-1 [" in line]
    assert row.rstrip().endswith("*")
    assert "0 of 1 verdicts are as published; effects that differ beyond their 95% intervals: 1 (" in joined(
        text
    )


def test_intervals_that_share_a_number_are_not_marked():
    text = printed(compare, [results(-1.0, 1.0)], [results(1.0, 1.01)])
    assert "*" not in text


def test_an_undefined_effect_differs_from_none():
    text = printed(compare, [results(1.0, np.nan)], [results(1.0, 1.01)])
    assert "intervals: none" in joined(text)


def test_other_data_are_not_compared_with():
    text = printed(compare, [results(1.0, 1.01)], [results(1.0, 1.01, data="mine")])
    assert "nothing is published of this preset and data" in text


def test_of_several_published_ones_the_same_label_is_compared_with():
    published = [results(-1.0, -1.01, label="scale"), results(1.0, 1.01)]
    assert "1 [" in printed(compare, [results(1.0, 1.01)], published)
    assert "intervals: none" in joined(printed(compare, [results(1.0, 1.01)], published))


def test_a_table_says_what_its_seeds_are_for():
    assert "(quick; exploration, seed 0)" in printed(show, [results(1.0, 1.01)])
    assert "(new; confirmation, seed 100)" in printed(show, [results(1.0, 1.01, label="new", seed=100)])


def test_of_several_published_ones_that_confirm_are_compared_with():
    published = [results(-1.0, -1.01, label="a"), results(1.0, 1.01, label="b", seed=100)]
    assert "intervals: none" in joined(printed(compare, [results(1.0, 1.01)], published))


def test_a_confirmation_wants_no_more_seeds():
    for seed, wants in ((0, True), (100, False)):
        one = results(1.0, 2.0, seed=seed)
        assert one.verdicts[0].seeds_needed
        assert (one.todo(one.verdicts[0]) is not None) == wants


@pytest.mark.parametrize("text", ["[old] [/bold]", "日本語 データ", "ملف :smile:"])
def test_text_is_shown_as_it_is(text):
    one = results(1.0, 1.01, sentence=text, data=text)
    assert printed(show, [one], width=200).count(text) == 2
    assert printed(compare, [one], [one], width=200).count(text) == 2


def test_a_pipe_gets_no_lines_and_no_colours_and_fits_a_page():
    one = results(1.0, 1.01, sentence="it is so " * 30)
    for text in (printed(show, [one]), printed(compare, [one], [one])):
        assert text.isascii()
        assert max(map(len, text.splitlines())) <= 80
    assert "\x1b[" in printed(show, [one], terminal=True)


def test_records_that_cannot_be_read_are_named():
    one = replace(results(1.0, 1.01), trouble={"noise": "it is damaged"})
    assert "quick/noise: it is damaged" in printed(show, [one])
