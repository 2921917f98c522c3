"""The batch-size studies: what they vary, and what they share."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from experiments import (
    accumulation,
    discover,
    fine_tuning,
    group_of,
    grow_batch,
    lr_range,
    scaling_rules,
    sharpness_gap,
    smoothness,
)
from experiments._batch import RULES, cold, longer, peak, policies, with_batch
from experiments._experiment import QUICK
from research.errors import InvalidInput
from research.orders.half_classes import HalfClasses
from research.records.identity import identity
from research.training.context import Rate
from research.training.schedules import Policy

STUDIES = {name: presets for name, presets in discover().items() if group_of(name) == "batch"}


def rate_of_a_step(run, epoch=5.0):
    return np.asarray(Rate.of(run).of_steps(1)(epoch)).item()


@pytest.mark.parametrize(("rule", "growth"), [("none", 1), ("sqrt", 2), ("linear", 4)])
def test_the_rate_of_a_step_grows_by_the_rule(rule, growth):
    assert rate_of_a_step(with_batch(QUICK, 128, rule)) == pytest.approx(growth * rate_of_a_step(QUICK))
    assert with_batch(QUICK, QUICK.batch_size, rule) == QUICK
    assert set(RULES) == {"none", "sqrt", "linear"}


def test_without_warm_up_the_rate_starts_at_its_peak_and_ends_as_it_did():
    start = cold(QUICK)
    assert rate_of_a_step(start, 0.0) == pytest.approx(rate_of_a_step(QUICK, 12 * 15 / 35))
    assert rate_of_a_step(start, 9.0) == rate_of_a_step(QUICK, 9.0)


def test_a_longer_run_has_the_same_shape():
    long = longer(QUICK, 4)
    assert long.epochs == 48
    assert rate_of_a_step(long, 20.0) == pytest.approx(rate_of_a_step(QUICK, 5.0))


def test_every_policy_starts_from_the_same_peak_and_all_but_one_come_down():
    runs = policies(QUICK)
    assert len(runs) == 7
    for name, run in runs.items():
        assert rate_of_a_step(run, 0.0) == 0
        assert peak(run) == peak(QUICK)
        ends = rate_of_a_step(run, 11.999) / rate_of_a_step(runs["fixed"], 11.999)
        assert ends == 1 if name == "fixed" else ends < 1 / 15


def test_runs_that_studies_share_have_one_identity_and_are_counted_once():
    """At quick: 549 runs are wanted, 456 are distinct, and 44 of these the learning-rate sweep's."""
    wanted = {name: {identity(run) for run in presets["quick"].runs()} for name, presets in STUDIES.items()}
    distinct = set().union(*wanted.values())
    assert (sum(len(ids) for ids in wanted.values()), len(distinct)) == (549, 456)
    assert wanted["scaling_rules"] <= wanted["epochs_to_target"]
    assert wanted["sharpness_gap"] <= wanted["epochs_to_target"]
    assert len(wanted["grow_batch"] & wanted["policies"]) == 6
    sweep = {identity(run) for run in discover()["lr_sweep"]["quick"].runs()}
    assert len(distinct & sweep) == 44
    timed = [
        {identity(item) for item in STUDIES[name]["quick"].measurements()}
        for name in ("throughput", "epochs_to_target")
    ]
    assert len(timed[0] & timed[1]) == 12


def test_the_batch_that_grows_keeps_the_rate_and_its_twin_keeps_the_batch():
    decayed, grown, fixed = (run for run in grow_batch.PRESETS["quick"].runs() if run.seed == 0)
    assert isinstance(decayed.schedule, Policy)
    assert decayed.schedule.steps == grown.grow_at
    assert grown.grow_by == 1 / decayed.schedule.gamma
    assert replace(grown, grow_at=(), grow_by=2) == fixed
    assert isinstance(fixed.schedule, Policy)


def test_accumulated_passes_hold_the_examples_of_the_large_batch():
    for run in accumulation.PRESETS["quick"].runs():
        assert run.effective_batch == 128
        assert run.augmentation == ()


def test_fine_tuned_runs_of_a_seed_are_one_run_until_the_second_part():
    study = fine_tuning.PRESETS["quick"]
    until = study.base.epochs
    runs = [run for run in study.runs() if run.seed == 0 and run.order == HalfClasses(until)]
    assert len(runs) == len(study.passes) * len(study.factors)
    # Powers of two throughout: the rates are the same bit for bit, and so are the networks.
    for epoch in (0.5, 2.5, 5.5):
        assert len({rate_of_a_step(run, epoch) for run in runs}) == 1
    for run in runs:
        alone = study.scratch(max(1, run.grow_by if run.grow_at else 1), 1.0, 0)
        factor = run.factor / alone.accumulate
        assert run.grow_at in ((), (until,))
        for epoch in (0.5, 2.5, 5.5):
            expected = factor * rate_of_a_step(alone, epoch)
            assert rate_of_a_step(run, until + epoch) == pytest.approx(expected)


def test_smoothness_has_the_base_once_and_watches_the_scatter_of_steps():
    runs = [run for run in smoothness.PRESETS["quick"].runs() if run.seed == 0]
    assert [run.batch_size for run in runs] == [8, 32, 128, 8, 128]
    assert rate_of_a_step(runs[0]) == rate_of_a_step(runs[2])
    assert {run.metrics[-1].member_name() for run in runs} == {"loss_squared"}


def test_the_range_test_covers_the_sweep():
    test, *_ = lr_range.PRESETS["quick"].runs()
    factors = [rate_of_a_step(test, epoch) / rate_of_a_step(QUICK, 12 * 15 / 35) for epoch in range(24)]
    assert factors[0] == pytest.approx(1 / 64)
    assert all(b / a == pytest.approx(2**0.5) for a, b in pairwise(factors))
    assert factors[-1] > 16


@pytest.mark.parametrize(
    ("study", "change", "field"),
    [
        (scaling_rules, {"rules": ("cube",)}, "rules is 'cube'"),
        (sharpness_gap, {"times": 1}, "times is 1"),
        (accumulation, {"passes": 1}, "passes is 1"),
        (smoothness, {"rules": ("cube",)}, "rules is 'cube'"),
        (fine_tuning, {"passes": (0,)}, r"passes is \(0,\)"),
        (lr_range, {"doublings": 1}, "doublings is 1"),
        (lr_range, {"epochs_per_doubling": 0}, "epochs_per_doubling is 0"),
    ],
)
def test_a_mistake_is_an_invalid_input(study, change, field):
    with pytest.raises(InvalidInput, match=field):
        replace(study.PRESETS["smoke"], **change)
