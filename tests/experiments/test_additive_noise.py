"""The small batch and the large one: the same updates, rates and noise-free start."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.additive_noise import PRESETS, AdditiveNoise
from research.errors import InvalidInput
from research.gradients.fresh_noise import FreshNoise
from research.gradients.stale_noise import StaleNoise
from research.training.context import Rate

each_preset = pytest.mark.parametrize("preset", PRESETS)


@each_preset
def test_each_update_has_the_same_rate_and_there_are_as_many(preset):
    experiment = PRESETS[preset]
    factor = max(experiment.factors)
    small = experiment.small(factor, 0)
    size = small.subset_size or 0
    updates = jnp.arange(small.total_steps(size))
    expected = jax.vmap(Rate.of(small).of_steps(small.steps_per_epoch(size)))(updates)
    for gradient in experiment.gradients():
        large = experiment.large(gradient, factor, 0)
        assert large.total_steps(size) == small.total_steps(size) * experiment.times
        found = jax.vmap(Rate.of(large).of_steps(large.steps_per_epoch(size)))(updates * experiment.times)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)


@each_preset
def test_one_snapshot_is_taken_anew_and_one_is_held_to_the_end(preset):
    experiment = PRESETS[preset]
    starts = {
        getattr(one, "start", experiment.times * experiment.warm_up_epochs) for one in experiment.gradients()
    }
    assert starts == {experiment.times * experiment.warm_up_epochs}
    renewed, held = (one for one in experiment.gradients() if isinstance(one, StaleNoise))
    assert renewed.every == experiment.times
    last = experiment.large(held, 1, 0).epochs
    assert held.start + held.every >= last
    assert experiment.snapshot_before(last, held) == held.start
    peak = experiment.times * experiment.peak_epochs
    assert experiment.snapshot_before(peak, renewed) == peak - experiment.times


def test_noise_that_begins_late_adds_arms_and_changes_no_other_run():
    experiment = PRESETS["quick"]
    late = replace(experiment, late=2)
    fresh, held = late.gradients()[len(experiment.gradients()) :]
    assert isinstance(fresh, FreshNoise)
    assert isinstance(held, StaleNoise)
    assert late.gradients()[: len(experiment.gradients())] == experiment.gradients()
    assert set(experiment.runs()) < set(late.runs())
    assert fresh.start == held.start == experiment.times * (experiment.peak_epochs - 2)
    peak = experiment.times * experiment.peak_epochs
    assert late.snapshot_before(peak, held) == held.start
    assert held.start + held.every >= late.large(held, 1, 0).epochs


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("late", 0),
        ("late", 20),
        ("times", 1),
        ("warm_up_epochs", 0),
        ("warm_up_epochs", 25),
        ("annealing_epochs", 0),
    ],
)
def test_what_leaves_nothing_to_compare_is_refused(field, value):
    with pytest.raises(InvalidInput, match=field):
        replace(AdditiveNoise(), **{field: value})
