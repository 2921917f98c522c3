import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from analysis.claims import Claim, Part
from analysis.claims import _published as published
from analysis.claims._published import answers, never_asked, save
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


def test_an_open_claim_comes_with_the_seeds_that_it_wants(figures, monkeypatch):
    asking(monkeypatch, giving(1.0, 2.0), giving(0.5, 1.5), giving(1.0, 1.01))
    (one,) = answers(figures)
    assert [verdict.word for verdict in one.verdicts] == ["inconclusive", "inconclusive", "supported"]
    wanted = [verdict.seeds_needed or 0 for verdict in one.verdicts]
    assert wanted[1] > wanted[0] > 2
    command = f"python -m experiments.more --label quick --figures {figures} --only lr_sweep --seeds"
    assert [one.todo(verdict) for verdict in one.verdicts] == [
        f"{command} {wanted[0]}",
        f"{command} {wanted[1]}",
        None,
    ]


def test_a_claim_without_records_comes_with_the_command_that_would_run_it(figures, monkeypatch):
    asking(monkeypatch, giving(1.0, 2.0), needs=("lr_sweep", "train"))
    (one,) = answers(figures)
    (verdict,) = one.verdicts
    assert (verdict.word, verdict.why) == ("not run", "needs the records of train")
    assert one.todo(verdict) == f"python -m experiments.more --label quick --figures {figures} --only train"


def test_commands_say_where_the_records_are_only_where_they_must(figures):
    (one,) = answers(figures, ids=["C2"])
    assert "--" not in replace(one, figures=published.OWN).more(["train"]).replace("--label quick --only", "")
    assert "--results 'my runs' --only" in replace(one, figures=Path("my runs/figures")).more(["train"])


def test_one_damaged_file_takes_neither_its_label_nor_another(figures, monkeypatch):
    asking(monkeypatch, giving(1.0, 1.01))
    for label in ("other", "broken"):
        (figures / label).mkdir()
        for path in (figures / "quick").iterdir():
            (figures / label / path.name).write_bytes(path.read_bytes())
    (figures / "broken" / "lr_sweep.parquet").write_bytes(b"nothing")
    (figures / "other" / "noise.parquet").write_bytes(b"nothing")
    found = {one.label: one for one in answers(figures)}
    assert [verdict.word for verdict in found["quick"].verdicts] == ["supported"]
    assert [verdict.word for verdict in found["other"].verdicts] == ["supported"]
    assert list(found["other"].trouble) == ["noise"]
    assert list(found["broken"].trouble) == ["lr_sweep"]
    assert found["broken"].title == "broken"
    with pytest.raises(InvalidInput, match=r"label is 'broken': none of its records can be read"):
        answers(figures, "broken")


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


def test_the_published_verdicts_are_those_of_the_published_records(tmp_path, published):
    for one in published:
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
