"""The experiments whose rate stands at a peak and then falls: when it falls, and when they measure."""

import pytest

from experiments import annealing, revisits


@pytest.mark.parametrize("preset", ["smoke", "quick", "paper"])
@pytest.mark.parametrize("module", [annealing, revisits])
def test_each_run_is_measured_before_its_rate_falls_and_after(module, preset):
    experiment = module.PRESETS[preset]
    moments = {}
    for item in experiment.measurements():
        moments.setdefault(item.run, []).append(item.epoch)
    assert set(moments) == set(experiment.runs())
    for run, (before, after) in moments.items():
        rate = run.schedule
        assert rate(before) == rate(before - 1e-3) == pytest.approx(experiment.peak_rate)
        assert 0 < rate((before + after) / 2) < rate(before)
        assert rate(after) == 0
        assert after == run.epochs
