import pytest

from analysis.claims._command import command_for


@pytest.mark.parametrize(
    ("command", "experiment", "seeds", "expected"),
    [
        (
            "python -m experiments.all --preset quick --results results",
            "lr_sweep",
            5,
            "python -m experiments.all --preset quick --results results --only lr_sweep --seeds 5",
        ),
        (
            "python -m experiments.all --only lr_sweep forgetting --seeds=2 --preset quick",
            "forgetting",
            3,
            "python -m experiments.all --only forgetting --seeds 3 --preset quick",
        ),
        (
            "python -m experiments.lr_sweep --factors 0.5 2 --data 'my data.npz' --seeds 2",
            "lr_sweep",
            4,
            "python -m experiments.lr_sweep --factors 0.5 2 --data 'my data.npz' --seeds 4",
        ),
        # Another experiment of the same label: what is lr_sweep's alone does not carry over.
        (
            "python -m experiments.lr_sweep --factors 0.5 2 --data mine.npz --label mine --base.epochs 3",
            "train",
            None,
            "python -m experiments.train --data mine.npz --label mine --base.epochs 3",
        ),
    ],
)
def test_a_command_keeps_what_determined_the_records(command, experiment, seeds, expected):
    assert command_for(experiment, {"command": command}, seeds) == expected
