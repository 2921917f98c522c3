from experiments import budget, lr_sweep


def test_the_runs_are_the_sweeps_own_each_measured_at_each_moment():
    for preset, experiment in budget.PRESETS.items():
        assert set(experiment.runs()) <= set(lr_sweep.PRESETS[preset].runs())
        pairs = {(item.run, item.epoch) for item in experiment.measurements()}
        assert pairs == {(run, epoch) for run in experiment.runs() for epoch in experiment.measured_epochs}
