"""The plan of a confirmation, from simulated exploration."""

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from analysis.claims import Evidence, ask, discover
from analysis.claims._published import ClaimResults
from analysis.plan import LabelPlan, PlannedClaim, PlanOptions, confirming, main, plan, text
from research.errors import InvalidInput
from tests.analysis.claims.worlds import ABOUT, ForgettingWorld, SweepWorld, draw

ROOT = Path(__file__).parents[2]
CLAIMS = {claim.id: claim for claim in discover()}
SWEEP = SweepWorld(best=1, best_growth=-0.5, noise=0.4)


def explored(seeds: int, ids: tuple[str, ...], sweep: SweepWorld = SWEEP, first: int = 0) -> ClaimResults:
    rng = np.random.default_rng(seeds)
    table = draw(sweep, rng, seeds, "size_by_updates").tables["size_by_updates"]
    tables = {
        "size_by_updates": table.assign(seed=table["seed"] + first),
        "forgetting": ForgettingWorld(noise=0.02).table(rng, seeds),
    }
    about = ABOUT | {"config": ABOUT["config"] | {"seeds": seeds}}
    evidence = Evidence(tables, dict.fromkeys(tables, about))
    return ClaimResults("quick", evidence, [ask(CLAIMS[name], evidence) for name in ids])


def of(plans: LabelPlan, claim: str) -> PlannedClaim:
    (found,) = [one for one in plans.claims if one.verdict.claim.id == claim]
    return found


def test_an_experiment_gets_what_the_claim_that_wants_most_of_it_wants():
    planned = plan(explored(16, ("C4-updates", "L2-K", "C6")), 8, 32)
    seeds = {one.name: one.seeds for one in planned.experiments}
    most = max(of(planned, name).wanted for name in ("C4-updates", "L2-K"))
    assert seeds == {"size_by_updates": most, "forgetting": 8}
    assert most > 8
    assert {of(planned, name).seeds for name in ("C4-updates", "L2-K")} == {most}
    (because,) = [one.because for one in planned.experiments if one.name == "size_by_updates"]
    assert because == [name for name in ("C4-updates", "L2-K") if of(planned, name).wanted == most]
    assert [one.because for one in planned.experiments if one.name == "forgetting"] == [[]]


def test_so_many_seeds_settle_a_claim_as_often_as_they_are_planned_to():
    """A world is explored at length; then its claim is asked anew, of as many seeds as were planned."""
    planned = of(plan(explored(90, ("C4-updates",)), 3, 64), "C4-updates")
    assert planned.verdict.word == "supported"
    rng, times = np.random.default_rng(1), 100
    anew = [draw(SWEEP, rng, planned.seeds, "size_by_updates") for _ in range(times)]
    settled = sum(ask(CLAIMS["C4-updates"], evidence).word == "supported" for evidence in anew)
    assert 0.7 <= settled / times <= 0.92


def test_a_claim_that_no_number_settles_gets_the_most():
    on_the_end = SweepWorld(best=1, best_growth=0.0, noise=0.4)
    planned = of(plan(explored(64, ("C4-updates",), on_the_end), 8, 12), "C4-updates")
    assert planned.wanted == planned.seeds == 12
    assert planned.parts[0].wanted is None
    assert planned.parts[0].power < 0.8


def test_expected_widths_shrink_with_the_seeds_that_are_planned():
    few, many = (of(plan(explored(4, ("C4-updates",)), least, 32), "C4-updates") for least in (8, 32))
    assert few.seeds < many.seeds
    assert few.parts[0].half_width > many.parts[0].half_width > 0


def test_one_seed_has_no_scatter_to_plan_by():
    planned = of(plan(explored(1, ("C4-updates",)), 8, 32), "C4-updates")
    assert planned.wanted == 8
    assert math.isnan(planned.parts[0].half_width)


def test_a_confirmation_is_not_planned_on_its_own_seeds():
    with pytest.raises(
        InvalidInput, match="label is 'quick': is of confirmation and exploration; a plan is made on"
    ):
        plan(explored(2, ("C4-updates",), first=100), 8, 32)


def test_a_command_keeps_what_exploration_changed_in_the_preset():
    config = {"base": {"data": {"name": "my data.npz"}}, "factors": [1, 2], "seeds": 2}
    about = {"preset": "quick", "config": config}
    typed = (
        "python -m experiments.lr_sweep --results r --factors 1 2 --base.model.width 4 --seeds 2 --label mine"
    )
    assert confirming("lr_sweep", about | {"command": typed}, 12, "mine") == (
        "python -m experiments.lr_sweep --preset quick --data 'my data.npz' --factors 1 2 "
        "--base.model.width 4 --seeds-from 100 --seeds 12 --label mine-confirm"
    )
    every = "python -m experiments.all --preset quick --group article --only lr_sweep"
    assert confirming("lr_sweep", about | {"command": every}, 8, "quick") == (
        "python -m experiments.lr_sweep --preset quick --seeds-from 100 --seeds 8 --label quick-confirm"
    )


def test_the_page_has_every_claim_with_its_rule_and_every_experiment_with_its_command():
    page = text([plan(explored(2, ("C4-updates", "C6")), 8, 32)], 8, 32)
    for name in ("C4-updates", "C6"):
        assert f"| **{name}** {CLAIMS[name].sentence}" in page
        assert all(f"| {part.what} | {part.region} |" in page for part in CLAIMS[name].parts)
    assert page.count("--seeds-from 100 --seeds") == 2
    assert "quick, synthetic; exploration, seeds 0 to 1." in page


def test_the_command_writes_it(tmp_path):
    folder = tmp_path / "quick"
    folder.mkdir()
    SWEEP.table(np.random.default_rng(0), 2).to_parquet(folder / "lr_sweep.parquet")
    (folder / "lr_sweep.json").write_text(json.dumps(ABOUT))
    words = ["-m", "analysis.plan", "--figures", str(tmp_path), "--out", str(tmp_path / "plan.md")]
    done = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "**C2**" in (tmp_path / "plan.md").read_text()
    subprocess.run([sys.executable, *words, "--seeds-from", "200"], cwd=ROOT, check=True)
    assert "--seeds-from 200 --seeds" in (page := (tmp_path / "plan.md").read_text())
    assert "from seed 200 on" in page
    done = subprocess.run([sys.executable, *words, "--label", "no"], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (2, "error: label is 'no': must be among quick\n")
    with pytest.raises(InvalidInput, match=r"^seeds_from is 9: must be at least 100: seeds below it explore"):
        PlanOptions(seeds_from=9)


def test_by_default_it_is_written_in_the_results_folder(monkeypatch, tmp_path, capsys):
    folder = tmp_path / "results" / "figures" / "quick"
    folder.mkdir(parents=True)
    SWEEP.table(np.random.default_rng(0), 2).to_parquet(folder / "lr_sweep.parquet")
    (folder / "lr_sweep.json").write_text(json.dumps(ABOUT))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["plan"])
    main()
    assert capsys.readouterr().out == "results/plan.md\n"
    assert [path.name for path in tmp_path.rglob("*.md")] == ["plan.md"]
    for out in ("nowhere/a/plan.md", "results"):
        monkeypatch.setattr(sys, "argv", ["plan", "--out", out])
        with pytest.raises(InvalidInput, match=f"^out is '{out}': must be a file that can be written"):
            main()
