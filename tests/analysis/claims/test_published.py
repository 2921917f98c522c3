import json
from pathlib import Path

import numpy as np
import pytest

from analysis.claims import Claim, Part
from analysis.claims import _published as published
from analysis.claims._published import answers, collecting, more_seeds, never_asked, save
from research.errors import InvalidInput
from tests.analysis.claims.test_verdict import giving
from tests.analysis.claims.worlds import ABOUT, SweepWorld

FIGURES = Path(__file__).parents[3] / "paper_figures"


@pytest.fixture
def figures(tmp_path) -> Path:
    folder = tmp_path / "quick"
    folder.mkdir()
    SweepWorld().table(np.random.default_rng(0), 2).to_parquet(folder / "lr_sweep.parquet")
    (folder / "lr_sweep.json").write_text(json.dumps(ABOUT))
    return tmp_path


def asking(monkeypatch, *parts: Part, needs=("lr_sweep",), presets=()) -> None:
    claims = [Claim(f"X{i}", "it is so", "here", needs, (part,), presets) for i, part in enumerate(parts)]
    monkeypatch.setattr(published, "discover", lambda: claims)


def test_open_claims_want_the_seeds_of_the_one_that_wants_most(figures, monkeypatch):
    asking(monkeypatch, giving(1.0, 2.0), giving(0.5, 1.5), giving(1.0, 1.01))
    (one,) = answers(figures)
    assert [verdict.word for verdict in one.verdicts] == ["inconclusive", "inconclusive", "supported"]
    wanted = [verdict.seeds_needed or 0 for verdict in one.verdicts]
    assert wanted[1] > wanted[0] > 2
    assert more_seeds([one]) == [
        f"python -m experiments.all --preset quick --only lr_sweep --seeds {wanted[1]}"
    ]


def test_more_seeds_are_collected_from_where_they_were_put(figures, monkeypatch):
    asking(monkeypatch, giving(1.0, 2.0), giving(0.5, 1.5))
    about = ABOUT | {"command": f"{ABOUT['command']} --results 'my runs'"}
    (figures / "quick" / "lr_sweep.json").write_text(json.dumps(about))
    given = answers(figures)
    assert "--results 'my runs'" in more_seeds(given)[0]
    assert collecting(given, figures) == [
        f"python -m analysis.all --label quick --results 'my runs' --figures {figures}"
    ]


def test_a_claim_without_records_comes_with_the_command_that_would_run_it(figures, monkeypatch):
    asking(monkeypatch, giving(1.0, 2.0), needs=("lr_sweep", "train"))
    (one,) = answers(figures)
    (verdict,) = one.verdicts
    assert (verdict.word, verdict.why) == ("not run", "needs the records of train")
    assert one.todo(verdict) == ["python -m experiments.all --preset quick --only train"]
    assert more_seeds([one]) == []


def test_a_claim_about_another_preset_is_not_asked(figures, monkeypatch):
    asking(monkeypatch, giving(1.0, 1.01), presets=("paper",))
    given = answers(figures)
    assert given[0].verdicts == []
    ((verdict, command),) = never_asked(given)
    assert verdict.word == "not run"
    assert command == "python -m experiments.all --preset paper --data cifar10 --only lr_sweep"


def test_verdicts_are_saved_as_json_without_nan(figures, monkeypatch):
    asking(monkeypatch, giving(1.0, np.nan))
    (one,) = answers(figures)
    content = json.loads(save(one, figures / "quick").read_text())
    assert content[0]["verdict"] == "inconclusive"
    assert content[0]["parts"][0]["mean"] is None


def test_no_records_are_one_line(tmp_path):
    with pytest.raises(InvalidInput, match=r"label is 'quick': .*analysis.all collects them"):
        answers(tmp_path, "quick")


def test_the_published_verdicts_are_those_of_the_published_records(tmp_path):
    for one in answers(FIGURES):
        now = json.loads(save(one, tmp_path).read_text())
        before = json.loads((FIGURES / one.label / "claims.json").read_text())
        assert [(row["claim"], row["verdict"]) for row in now] == [
            (row["claim"], row["verdict"]) for row in before
        ]
        for new, old in zip(now, before, strict=True):
            for part, other in zip(new["parts"], old["parts"], strict=True):
                assert part["what"] == other["what"]
                numbers = [[row[key] for key in ("mean", "low", "high")] for row in (part, other)]
                ours, theirs = np.array(numbers, float)  # None becomes NaN
                np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)
