"""The experiments that measure: what they ask of which runs."""

from dataclasses import replace

import pytest

from analysis.quantities import FEWEST_BATCHES
from experiments import discover, edge, events, forgetting, interventions, lr_sweep, memory, noise, spectrum
from research.errors import InvalidInput
from research.family import value_at
from research.measures.budget import StepBudget
from research.measures.sharpness import Sharpness

PRESETS = ("smoke", "quick", "paper")


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("module", [noise, events, spectrum])
def test_they_measure_runs_of_the_sweep(module, preset):
    assert set(module.PRESETS[preset].runs()) <= set(lr_sweep.PRESETS[preset].runs())


@pytest.mark.parametrize("preset", PRESETS)
def test_each_spectrum_is_of_both_matrices_and_of_sets_that_fit_into_an_epoch(preset):
    experiment = spectrum.PRESETS[preset]
    items = experiment.measurements()
    assert len(items) == len(set(items))
    for run in experiment.runs():
        found = {(item.matrix, item.sample) for item in items if item.run == run}
        sets = range(experiment.sets)
        assert found == {(matrix, sample) for matrix in ("hessian", "gauss_newton") for sample in sets}
        # No example is in two of them.
        assert run.subset_size is not None
        assert experiment.sets * experiment.examples <= run.subset_size


@pytest.mark.parametrize("preset", PRESETS)
def test_every_intervention_has_its_untouched_pair(preset):
    wanted = interventions.PRESETS[preset].measurements()
    pairs = {(item.run, item.change) for item in wanted}
    assert all((run, "untouched") in pairs for run, _ in pairs)
    assert len(pairs) == len(wanted)


@pytest.mark.parametrize("preset", PRESETS)
def test_the_forgetting_experiments_runs_are_shared(preset):
    full = {run for run in forgetting.PRESETS[preset].runs() if run.augmentation}
    assert full <= set(interventions.PRESETS[preset].runs())
    assert full & set(memory.PRESETS[preset].runs())


@pytest.mark.parametrize("preset", PRESETS)
def test_memory_varies_one_thing_at_a_time(preset):
    runs = memory.PRESETS[preset].runs()
    base = runs[0]
    for run in runs:
        fields = ("factor", "model.width", "batch_size", "optimizer.weight_decay")
        assert sum(value_at(run, name) != value_at(base, name) for name in fields) <= 1


@pytest.mark.parametrize("preset", PRESETS)
def test_runs_at_the_edge_take_equally_many_steps(preset):
    experiment = edge.PRESETS[preset]
    for run in experiment.runs():
        assert run.total_steps(experiment.size) == experiment.steps
    assert {
        item.epoch for item in experiment.measurements() if item.run.batch_size == experiment.size
    } <= set(range(1, experiment.steps + 1))


def test_steps_that_make_no_whole_epochs_are_refused():
    with pytest.raises(InvalidInput, match="steps is 7: must be whole epochs at batch 16"):
        replace(edge.PRESETS["smoke"], batch_sizes=(16, 64), steps=7)


ENOUGH = 1024
"""Examples: a few times fewer raise the largest eigenvalue, late in training (docs/measures.md)."""


def every(preset):
    """Every measurement of any experiment."""
    return [item for presets in discover().values() for item in presets[preset].measurements()]


@pytest.mark.parametrize("preset", PRESETS)
def test_every_curvature_ratio_is_of_enough_batches(preset):
    steps = [item.steps for item in every(preset) if isinstance(item, StepBudget)]
    assert min(steps) >= FEWEST_BATCHES


@pytest.mark.parametrize("preset", ["quick", "paper"])  # smoke's sets are smaller
def test_no_sharpness_is_raised_by_few_examples(preset):
    found = [item for item in every(preset) if isinstance(item, Sharpness)]
    assert found
    for item in found:
        assert item.examples >= min(ENOUGH, item.run.subset_size or ENOUGH), item
