"""The command as people use it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from analysis.claims import __main__ as command
from research.errors import InvalidInput

ROOT = Path(__file__).parents[3]
FIGURES = ROOT / "paper_figures"


@pytest.mark.parametrize(
    ("words", "message"),
    [("--label none", "label is 'none'"), ("--only C99", "only is 'C99': must be among")],
)
def test_a_mistake_is_an_invalid_input(monkeypatch, words, message):
    monkeypatch.setattr(sys, "argv", ["claims", "--figures", str(FIGURES), *words.split()])
    with pytest.raises(InvalidInput, match=message):
        command.main()


@pytest.mark.parametrize("words", ["--label mnist10k-confirm", "--label cifar10-jpeg-16 --only C7"])
def test_a_reader_who_has_enough_ends_it_quietly(words):
    """However little is printed: what fits the pipe's buffer is only found unread at the end."""
    line = f"{sys.executable} -m analysis.claims --figures {FIGURES} {words} | head -0"
    done = subprocess.run(["bash", "-c", line], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stderr == ""


def test_letters_that_the_terminal_lacks_stop_nothing():
    command = [sys.executable, "-m", "analysis.claims", "--figures", str(FIGURES), "--label", "quick-confirm"]
    plain = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, cwd=ROOT, env=plain, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\\u2013" in done.stdout  # the dash of what is not known
