"""The table as people see it, and the commands that it runs."""

import io
import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from analysis.claims import __main__ as command
from analysis.claims._published import answers
from research.errors import InvalidInput

ROOT = Path(__file__).parents[3]
FIGURES = ROOT / "paper_figures"


def test_the_readme_has_the_verdicts_that_are_produced():
    readme = (ROOT / "README.md").read_text()
    for one in answers(FIGURES):
        ours = [verdict for verdict in one.verdicts if re.match(r"[BCEM]\d", verdict.claim.id)]
        assert command.markdown(replace(one, verdicts=ours)) in readme, (
            "python -m analysis.claims --markdown has the new ones"
        )


def test_the_table_has_every_claim_and_what_to_do_about_it():
    console = Console(file=io.StringIO(), width=160)
    command.show(answers(FIGURES, "quick"), console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    for name in ("C1", "C2", "C8", "C1-number"):
        assert name in text
    assert "--only forgetting --seeds" in text
    assert "python -m experiments.all --preset paper --data cifar10 --only lr_sweep" in text


def test_claims_that_lack_the_same_records_share_a_line():
    console = Console(file=io.StringIO(), width=160)
    command.show(answers(FIGURES, "mnist10k"), console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    (line,) = [line for line in text.splitlines() if "python -m experiments.lr_sweep" in line]
    assert line.startswith("not run: C1, C2, C3, C4, C5; ")
    assert "B9" in text.split("not run")[0]


def test_more_seeds_runs_each_experiment_once_and_then_collects(monkeypatch, capsys):
    ran = []
    monkeypatch.setattr(command, "_run", ran.append)
    monkeypatch.setattr(
        sys, "argv", ["claims", "--figures", str(FIGURES), "--label", "quick", "--more-seeds"]
    )
    command.main()
    capsys.readouterr()
    assert ran[-1] == f"python -m analysis.all --label quick --results results --figures {FIGURES}"
    assert len(ran) > 1
    assert len({words.split("--only ")[1].split()[0] for words in ran[:-1]}) == len(ran[:-1])
    assert all("--seeds" in words for words in ran[:-1])


@pytest.mark.parametrize(
    ("words", "message"),
    [("--label none", "label is 'none'"), ("--only C99", "only is 'C99': must be among")],
)
def test_a_mistake_is_an_invalid_input(monkeypatch, words, message):
    monkeypatch.setattr(sys, "argv", ["claims", "--figures", str(FIGURES), *words.split()])
    with pytest.raises(InvalidInput, match=message):
        command.main()
