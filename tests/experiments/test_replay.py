"""A stored checkpoint replayed by its record's name alone, as its experiment would have."""

import io
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from experiments import _run, discover, replay
from experiments.replay import ReplayOptions, chosen, dataset_of, in_words, remembered, stored, telling_apart
from research import data
from research.augmentations.crop import Crop
from research.augmentations.flip import Flip
from research.averaging.uniform import Uniform
from research.data import DataConfig
from research.errors import InvalidInput
from research.losses.squared_error import SquaredError
from research.measures.replay import Replay
from research.optimizers.sgd import SGD
from research.orders.half import Half
from research.records.identity import identity
from research.records.store import Damaged, Store
from research.sweeps.measure import measure_missing
from research.sweeps.sweep import sweep
from research.training.config import bind
from research.training.schedules import Policy


@pytest.fixture(scope="module")
def trained(dataset, run, tmp_path_factory):
    """A run with two checkpoints and one with none."""
    store = Store(tmp_path_factory.mktemp("replay") / "results")
    sweep([run, replace(run, seed=1)], dataset, store, keep={run: (1, 2)})
    return store


def ask(monkeypatch, capsys, store: Store, *words: str) -> str:
    monkeypatch.setattr(_run, "prepare", lambda *_: None)  # JAX is set up already
    monkeypatch.setattr("sys.argv", ["replay", "--results", str(store.folder), *words])
    replay.main()
    return capsys.readouterr().out


def test_it_is_a_command_and_no_experiment():
    assert "replay" not in discover()


def test_all_checkpoints_are_listed(monkeypatch, capsys, run, trained):
    text = ask(monkeypatch, capsys, trained)
    assert identity(run) in text
    assert identity(replace(run, seed=1)) not in text
    assert "1, 2" in text
    assert "synthetic, 128 images, resnet (width=4, " in text


def test_a_replay_is_the_experiments_own_and_is_taken_once(monkeypatch, capsys, dataset, run, trained):
    words = ("--record", identity(run)[:6], "--epochs-back", "1")
    assert "measured: record" in (first := ask(monkeypatch, capsys, trained, *words))
    assert "never: images beyond the subset" in first
    again = ask(monkeypatch, capsys, trained, *words)
    assert again == first.replace("measured", "found done")
    wanted = Replay(run, 2, 1)
    assert measure_missing([wanted], dataset, trained).taken == 0
    rows = pd.DataFrame([vars(row) for row in wanted.measure(dataset, trained)])
    pd.testing.assert_frame_equal(trained.read(wanted)[1], rows)


def test_any_state_that_was_kept_can_be_had(run, trained):
    assert stored(trained) == {identity(run): [1, 2]}
    name = identity(run)
    assert chosen(ReplayOptions(trained.folder, name), trained) == Replay(run, 2, 2)
    assert chosen(ReplayOptions(trained.folder, name, epoch=1, statistics="batch"), trained) == Replay(
        run, 1, 1, "batch"
    )


def test_ages_are_doubled_from_an_eighth_of_an_epoch():
    """Of ten steps an epoch, two epochs: one in the newest eighth, the others where they belong."""
    rows = [(step, step / 10, "seen", "loss", float(step)) for step in range(20)]
    rows += [(20, 2.0, "never_seen", "loss", 30.0), (20, 2.0, "test_view", "loss", 40.0)]
    table = pd.DataFrame(rows, columns=["step", "epoch", "split", "metric", "value"])
    assert remembered(table, 2) == [
        ("up to 1/8 epochs ago", 1, 19.0),
        ("1/8 to 1/4 epochs ago", 1, 18.0),
        ("1/4 to 1/2 epochs ago", 3, 16.0),
        ("1/2 to 1 epochs ago", 5, 12.0),
        ("1 to 2 epochs ago", 10, 4.5),
        ("never: images beyond the subset", 1, 30.0),
        ("never: the test set, augmented", 1, 40.0),
    ]


def npz(path, seed: int):
    rng = np.random.default_rng(seed)
    images, labels = rng.integers(0, 256, (40, 8, 8, 3), np.uint8), np.arange(40) % 4
    np.savez(path, train_images=images, train_labels=labels, test_images=images, test_labels=labels)
    return path


def test_images_that_were_moved_are_the_same_and_no_others_will_do(tmp_path, monkeypatch, run):
    monkeypatch.chdir(tmp_path)
    of_file = data.load(DataConfig(str(npz(tmp_path / "mine.npz", 0))))
    theirs = bind(replace(run, data=of_file.config, subset_size=32), of_file)
    assert dataset_of(theirs, None).config == theirs.data
    moved = (tmp_path / "mine.npz").rename(tmp_path / "renamed.npz")
    with pytest.raises(InvalidInput, match=r"data is None: the run's images were in mine\.npz"):
        dataset_of(theirs, None)
    assert bind(theirs, dataset_of(theirs, moved)) == theirs
    with pytest.raises(InvalidInput, match=r"fingerprint is .* holds other data"):
        dataset_of(theirs, npz(tmp_path / "other.npz", 1))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (ReplayOptions(record="zz"), "record is 'zz': must begin the name of one of the 1 records .* none"),
        (ReplayOptions(record="", epoch=3), r"epoch is 3: .* has its state after 1 and 2"),
        (ReplayOptions(record="", epochs_back=3), "epochs_back is 3: must be in 1 .. 2"),
        (ReplayOptions(record="", epoch=1, epochs_back=2), "epochs_back is 2: must be in 1 .. 1"),
    ],
)
def test_what_is_not_there_is_one_line(trained, options, message):
    with pytest.raises(InvalidInput, match=message):
        chosen(options, trained)


def test_a_beginning_of_two_names_is_refused(dataset, run, store):
    both = [run, replace(run, seed=1)]
    sweep(both, dataset, store, keep=dict.fromkeys(both, (2,)))
    with pytest.raises(InvalidInput, match="it begins that of 2"):
        chosen(ReplayOptions(store.folder, ""), store)


def test_a_damaged_checkpoint_is_one_line_and_the_list_goes_on(dataset, run, store):
    sweep([run], dataset, store, keep={run: (2,)})
    (path,) = (path for path in store.checkpoint_path(run, 2).rglob("_METADATA"))
    path.write_bytes(b"{")
    with pytest.raises(Damaged, match="checkpoint 0002"):
        chosen(ReplayOptions(store.folder, identity(run)), store)
    (store.folder / "records" / identity(run) / "record.json").write_text("{")
    out = io.StringIO()
    replay.list_all(store, Console(file=out, width=120))
    assert "1 records with checkpoints are damaged" in out.getvalue()


def test_runs_are_told_apart_in_words(run):
    changes = [
        {"seed": 1},
        {"factor": 4.0},
        {"augmentation": ()},
        {"optimizer": SGD(weight_decay=0.1)},
        {"batch_size": 16},
    ]
    assert len({in_words(replace(run, **change)) for change in ({}, *changes)}) == 1 + len(changes)


def test_the_list_tells_apart_runs_that_differ_in_any_field(run):
    changes = [
        {"loss": SquaredError()},
        {"loss": SquaredError(weight=2.0)},
        {"augmentation": (Crop(2),)},
        {"augmentation": (Crop(1), Flip())},
        {"averaging": Uniform(1.0)},
        {"order": Half(1)},
        {"schedule": Policy("fixed", 0.1)},
        {"precision": "bfloat16"},
        {"warm_up": 0.5},
        {"batch_size": 16, "accumulate": 2},
        {"data": replace(run.data, image_size=16)},
        {"metrics": ()},
    ]
    runs = [replace(run, **change) for change in ({}, *changes)]
    also = telling_apart(runs)
    assert len({in_words(one, also) for one in runs}) == len(runs)
    assert {"loss", "augmentation", "averaging", "order", "data.image_size"} <= set(also)
    assert telling_apart([run, replace(run, seed=9)]) == telling_apart([]) == []
