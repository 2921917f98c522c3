"""The batch-size studies' quantities on simulated records, and their figures."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure

from analysis import (
    accumulation,
    dataset_scale,
    epochs_to_target,
    grow_batch,
    lr_range,
    optimal_batch,
    policies,
    scaling_rules,
    sharpness_gap,
    small_batches,
    throughput,
)
from tests.analysis.claims import batch_worlds as make

MODULES = (
    (accumulation, make.accumulation),
    (dataset_scale, make.dataset_scale),
    (grow_batch, make.grow_batch),
    (lr_range, make.lr_range),
    (optimal_batch, make.optimal_batch),
    (policies, make.policies),
    (scaling_rules, make.scaling_rules),
    (sharpness_gap, make.sharpness_gap),
    (small_batches, make.small_batches),
)


def world(maker, **options):
    return maker(np.random.default_rng(0), 3, **{"noise": 0.0, **options})


@pytest.mark.parametrize(("module", "maker"), MODULES, ids=lambda item: item.__name__.split(".")[-1])
def test_the_figure_is_drawn_from_the_records(module, maker):
    records = world(maker, noise=0.05)
    if "subset_size" not in records:
        records["subset_size"] = 2048.0
    if "batch_size" not in records:
        records["batch_size"] = 32.0
    figure = module.draw(records)
    assert isinstance(figure, Figure)
    assert any(axes.lines or axes.collections for axes in figure.axes)
    plt.close(figure)


def test_a_rule_is_recognised_by_its_factors():
    runs = scaling_rules.by_rule(world(make.scaling_rules))
    four = runs[runs["ratio"] == 4].groupby("rule")["factor"].first()
    assert dict(four) == {"none": 1 / 4, "sqrt": 1 / 2, "linear": 1}
    moved = scaling_rules.distances(runs)
    np.testing.assert_allclose(moved["none", True, 4.0, 0], 0.6)
    np.testing.assert_allclose(moved["linear", False, 16.0, 2], 0, atol=1e-12)


def test_a_diverged_run_is_infinitely_far():
    records = world(make.scaling_rules)
    lost = (records["batch_size"] == 128) & (records["seed"] == 1)
    moved = scaling_rules.distances(
        scaling_rules.by_rule(records.assign(status=records["status"].where(~lost, "diverged")))
    )
    assert np.isinf(moved["linear", True, 4.0, 1])
    np.testing.assert_allclose(moved["linear", True, 4.0, 0], 0, atol=1e-12)


def test_steps_to_a_target_and_their_three_regimes():
    batch = np.array([8, 32, 128, 512, 2048])
    least, turn = epochs_to_target.fit(batch, 50 * (1 + 200 / batch))
    assert (least, turn) == (pytest.approx(50, rel=1e-3), pytest.approx(200, rel=1e-3))
    assert [epochs_to_target.regime(b, turn) for b in (8, 200, 2048)] == [
        "perfect scaling",
        "diminishing returns",
        "no more gain",
    ]


def test_the_best_that_a_batch_size_was_trained_with_counts():
    records = world(make.epochs_to_target, equal=0.3)
    goal = epochs_to_target.target(records)
    assert goal == pytest.approx(np.exp(0.5 - 0.4 * 3) * 1.25)
    reached = epochs_to_target.to_target(records).set_index(["batch_size", "seed"])
    assert reached.loc[(32, 0), "epochs"] == 4
    assert reached.loc[(32, 0), "steps"] == 4 * 2048 // 32
    assert reached.loc[(128, 0), "epochs"] == 4  # at equal epochs none gets there, the longer run does


def test_the_gap_has_the_larger_batch_at_both_lengths():
    losses = epochs_to_target.gap(world(make.epochs_to_target, equal=0.5, more=-0.1))
    np.testing.assert_allclose(np.log(losses.iloc[0]), [-2, -1.5, -2.1])


def test_exponents_are_those_of_the_world():
    found = optimal_batch.exponents(world(make.optimal_batch, rate=0.8, size=0.6))
    np.testing.assert_allclose(found["rate"], 0.8, atol=1e-6)
    np.testing.assert_allclose(found["size"], 0.6, atol=1e-6)


def test_a_best_batch_at_the_grids_end_is_not_known():
    found = optimal_batch.best_batches(world(make.optimal_batch, rate=3.0, size=0.0))
    assert len(found.dropna()) < len(found)


def test_the_range_test_finds_its_lowest_loss_and_the_sweep_its_best():
    records = world(make.lr_range, lowest=2.25, best=1.5)
    np.testing.assert_allclose(lr_range.lowest(records), 2.25)
    np.testing.assert_allclose(lr_range.best(records), 1.5, atol=0.1)


def test_a_policys_rate_is_chosen_by_the_other_seeds():
    records = world(make.policies)
    last = records["seed"] == 2
    records.loc[last & (records["factor"] == 0.5), "value"] = 1e-3  # a lucky seed at a bad rate
    chosen = policies.chosen_by_others(records)
    np.testing.assert_allclose(chosen.loc[2, "poly"], -1)


def test_power_laws_and_where_they_lead():
    records = world(make.dataset_scale, best=-0.4, curvature=0.1)
    for name, power in (("best factor", -0.4), ("curvature ratio", 0.1)):
        values = dataset_scale.quantity(records, name)
        np.testing.assert_allclose(dataset_scale.powers(values), power, atol=0.06)
    curved = dataset_scale.quantity(records, "curvature ratio")
    line, low, high = dataset_scale.extrapolated(curved, np.array([512.0, dataset_scale.IMAGENET]))
    assert line[1] == pytest.approx(0.3 * (dataset_scale.IMAGENET / 512) ** 0.1, rel=1e-3)
    assert low[1] <= line[1] <= high[1]


def test_uncertainty_grows_with_the_distance_of_the_extrapolation():
    values = dataset_scale.quantity(world(make.dataset_scale, noise=0.2), "curvature ratio")
    line, low, high = dataset_scale.extrapolated(values, np.array([1024.0, 65_536.0, 1e6]))
    width = np.log(high / low)
    assert width[0] < width[1] < width[2]
    assert (low < line).all()


def test_accumulated_and_whole_are_compared_seed_by_seed():
    apart = accumulation.differences(world(make.accumulation, none=0.0, batch=0.05), "batch")
    np.testing.assert_allclose(apart, 0.05)


@pytest.mark.parametrize("model", ["keras_cnn", "lenet"])
def test_each_networks_batch_sizes_are_compared_among_themselves(model):
    runs = small_batches.of_network(world(make.small_batches, model=model), model)
    other = small_batches.of_network(world(make.small_batches, model="neither"), model)
    for one, faster, better in ((runs, 0.4, 0.2), (other, 0.0, 0.0)):
        progress, last = small_batches.progress(one), small_batches.last(one)
        np.testing.assert_allclose(progress[16] - progress[64], faster, atol=1e-12)
        np.testing.assert_allclose(last[16] - last[32], better, atol=1e-12)


def test_time_per_example_falls_in_the_figure_of_throughput():
    seconds = throughput.steps(world(make.throughput), "seconds")
    assert seconds.loc[8, 0] == pytest.approx(12)
    assert seconds.loc[17, 0] == pytest.approx(17 * 1.25)
