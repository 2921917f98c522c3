"""Experiments on the data at hand: sizes fitted to it, labels that belong to it alone."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from experiments import discover
from experiments._data import OnData, label_for
from research import data
from research.data import Arrays, DataConfig, Synthetic
from research.errors import InvalidInput
from research.measures.measurement import bind_measurement
from research.records.store import Store
from research.training.config import bind

ROOT = Path(__file__).parents[2]


def images(train, test, side=12):
    """A set of a number of images, blank but labelled."""
    rows = [
        (np.zeros((count, side, side, 1), np.uint8), (np.arange(count) % 10).astype(np.int32))
        for count in (train, test)
    ]
    return Arrays("digits", "v0", *rows[0], *rows[1])


@pytest.fixture
def on(monkeypatch):
    """Puts an experiment of a preset, changed or not, on a set of a number of images."""

    known = {}  # what is read once is kept from one experiment to the next, as a command does

    def put(train, test, preset="quick", name="lr_sweep", base=None, **changes):
        monkeypatch.setattr(data, "read", lambda config: images(train, test))
        of = discover()[name][preset]
        mine = replace(of, **changes, **({} if base is None else {"base": base(of.base)}))
        return known.setdefault((train, test), OnData())(mine, of, "digits")

    return put


def with_data(**changes):
    return lambda base: replace(base, data=replace(base.data, **changes))


@pytest.mark.parametrize(
    ("name", "changes", "said"),
    [
        ("cohort", {"cohort_size": 160}, r"^cohort_size is 160: order.size is 160: of 320 images 256 are"),
        (
            "forgetting",
            {"full_size": 320},
            r"^full_size is 320: subset_size is 320: leaves 0 of 320 training",
        ),
        ("forgetting", {"full_size": 310, "statistics": "batch"}, r"leaves 10 .* must leave 16 at least"),
        ("memory", {"full_size": 320}, r"^full_size is 320: subset_size is 320: leaves 0"),
        ("remedies", {"full_size": 319}, r"^full_size is 319: subset_size is 319: leaves 1"),
        ("budget", {"subset_sizes": (320,)}, r"^subset_sizes is \(320,\): subset_size is 320: leaves 0"),
        ("forgetting", {"epochs_back": 9}, r"^epochs_back is 9: must be in 1 .. 2"),
        ("edge", {"momentum": 1.0}, r"^momentum is 1.0: optimizer.momentum is 1.0: must be at least 0"),
        ("accumulation", {"passes": 999}, r"^passes is 999: batch_size is 15984: must not exceed"),
        (
            "lr_sweep",
            {"factors": (1e300,)},
            r"^factors is \(1e\+300,\): factor is 1e\+300: must be a number above 0",
        ),
    ],
)
def test_what_is_refused_for_an_option_is_refused_by_its_name(on, name, changes, said):
    with pytest.raises(InvalidInput, match=said):
        on(60_000, 1000, "smoke", name, **changes)


def test_what_no_one_option_is_the_cause_of_keeps_its_own_name(on):
    with pytest.raises(InvalidInput, match=r"^factor is 1e\+300: must be a number"):
        on(60_000, 1000, "smoke", "batch_ladder", factors=(1e300,), noise_factor=1e300)


class TestSizes:
    @pytest.mark.parametrize("preset", ["smoke", "quick", "paper"])
    @pytest.mark.parametrize("train", [60_000, 1500, 546, 120])
    def test_every_experiment_runs_on_any_number_of_images(self, on, preset, train):
        for name, presets in discover().items():
            if preset in presets:
                fitted = on(train, train // 5, preset, name)
                assert fitted.dataset.train_size <= train
                for run in fitted.experiment.runs():
                    bind(run, fitted.dataset)
                for item in fitted.experiment.measurements():
                    bind_measurement(item, fitted.dataset)

    def test_a_large_set_changes_nothing(self, on):
        fitted = on(4608, 512)
        of = discover()["lr_sweep"]["quick"]
        assert fitted.experiment == replace(of, base=with_data(name="digits")(of.base))
        assert fitted.notes == []

    def test_subsets_keep_their_proportions_and_that_is_said_once(self, on):
        fitted = on(1500, 300)
        assert fitted.experiment.subset_sizes == (166, 333, 666, 1333)  # a ninth is never seen, as of 4608
        assert fitted.experiment.batch_sizes == (32, 128)
        assert (fitted.dataset.train_size, len(fitted.dataset.test_labels)) == (1500, 300)
        assert fitted.notes == [
            "digits has 1,500 training and 300 test images, fewer than the preset asks for: "
            "its numbers of training images are times 0.326"
        ]
        assert on(1500, 300, name="forgetting").notes == fitted.notes

    def test_runs_that_experiments_share_stay_shared(self, on):
        sweep, noise = (set(on(1500, 600, name=name).experiment.runs()) for name in ("lr_sweep", "noise"))
        assert noise <= sweep

    def test_batches_that_a_subset_cannot_fill_are_halved_together(self, on):
        fitted = on(600, 600)
        assert fitted.experiment.subset_sizes == (66, 133, 266, 533)
        assert fitted.experiment.batch_sizes == (16, 64)
        assert "batches are divided by 2" in fitted.notes[1]

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"subset_sizes": (512, 2048)}, "subset_size is 2048: digits has 1500 training images"),
            ({"batch_sizes": (2048,)}, "batch_size is 2048: must not exceed subset_size"),
            ({"base": with_data(train_size=2000)}, "data.train_size is 2000: the data set has 1500 images"),
            ({"base": with_data(test_size=400)}, "data.test_size is 400: the data set has 300 images"),
            ({"base": with_data(train_size=1000), "subset_sizes": (1001,)}, "subset_size is 1001"),
        ],
    )
    def test_what_the_user_asks_for_is_not_scaled_but_refused(self, on, changes, said):
        with pytest.raises(InvalidInput, match=said):
            on(1500, 300, **changes)

    def test_what_the_user_asks_for_is_kept_where_the_set_has_it(self, on):
        assert on(1500, 300, subset_sizes=(100, 1500)).experiment.subset_sizes == (100, 1500)
        fitted = on(60_000, 300, base=with_data(train_size=1024))
        assert fitted.experiment.subset_sizes == (113, 227, 455, 910)
        assert on(1500, 300, base=with_data(train_size=None)).experiment.subset_sizes == (166, 333, 666, 1333)

    def test_a_mistake_on_a_large_set_is_the_users(self, on):
        with pytest.raises(InvalidInput, match="batch_size is 32: must not exceed subset_size, 8"):
            on(60_000, 10_000, subset_sizes=(8,))


class TestLabels:
    def label(self, store, name, fingerprint="a", given=None, preset="quick"):
        label, notes = label_for(given, preset, DataConfig(name, fingerprint=fingerprint), store)
        return label, list(notes)

    @pytest.mark.parametrize(
        ("preset", "name", "expected"),
        [
            ("quick", "synthetic", "quick"),
            ("quick", "CIFAR-10 (JPEG).npz", "quick-cifar-10-jpeg"),
            ("quick", "cifar-10-python.tar.gz", "quick-cifar-10-python"),
            ("quick", "tfds:imagenet_resized/32x32", "quick-tfds-imagenet-resized-32x32"),
            ("quick", "pets.v2", "quick-pets-v2"),
            ("paper", "cifar10", "paper"),
            ("paper", "synthetic", "paper-synthetic"),
        ],
    )
    def test_it_is_the_preset_with_the_data_where_that_is_not_the_presets(
        self, store, preset, name, expected
    ):
        assert self.label(store, name, preset=preset) == (expected, [])

    def test_names_in_any_script_make_different_labels(self, store):
        names = [
            "猫.npz",
            "狗.npz",
            "кошки.npz",
            "собаки.npz",
            "Müller.npz",
            "Moller.npz",
            "!!.npz",
            "data 猫.npz",
            "data.npz",
        ]
        labels = [self.label(store, name, fingerprint=str(k))[0] for k, name in enumerate(names)]
        assert len(set(labels)) == len(names)
        assert all(label.isascii() for label in labels)

    def test_a_label_that_other_data_has_is_not_taken(self, store):
        first, second = DataConfig("data.npz", fingerprint="a"), DataConfig("data.npz", fingerprint="b")
        store.write_experiment("quick-data", "lr_sweep", {"fingerprint": data.fingerprint(first)})
        assert label_for(None, "quick", first, store) == ("quick-data", ())
        label, notes = label_for(None, "quick", second, store)
        assert label == f"quick-data-{data.fingerprint(second)[:8]}"
        assert "quick-data is the label of other data" in notes[0]
        store.write_experiment(label, "lr_sweep", {"fingerprint": data.fingerprint(second)})
        assert label_for(None, "quick", second, store) == (label, notes)

    def test_the_users_own_label_is_refused(self, store):
        store.write_plan("mine", "lr_sweep", {"fingerprint": "other"})
        with pytest.raises(InvalidInput, match="label is 'mine': names a result on other data"):
            self.label(store, "data.npz", given="mine")
        assert self.label(store, "data.npz", given="yours") == ("yours", [])

    def test_a_label_has_seeds_that_explore_or_seeds_that_confirm(self, store):
        config = DataConfig(fingerprint="a")
        assert label_for(None, "quick", config, store, "confirmation")[0] == "quick-confirm"
        store.write_plan("mine", "train", {"phase": "exploration"})
        assert label_for("mine", "quick", config, store, "exploration")[0] == "mine"
        with pytest.raises(InvalidInput, match="label is 'mine': names a result of exploration in"):
            label_for("mine", "quick", config, store, "confirmation")
        store.write_experiment("quick-confirm", "train", {"phase": "exploration"})  # a user's own choice
        with pytest.raises(InvalidInput, match="label is 'quick-confirm': names a result of exploration"):
            label_for(None, "quick", config, store, "confirmation")

    def test_other_synthetic_images_are_other_data(self, store):
        plain, noisy = (
            DataConfig(fingerprint="v1", synthetic=Synthetic(noise=noise)) for noise in (0.3, 0.9)
        )
        store.write_experiment("quick", "train", {"fingerprint": data.fingerprint(plain)})
        assert label_for(None, "quick", noisy, store)[0] == f"quick-{data.fingerprint(noisy)[:8]}"

    def test_damaged_and_old_statements_say_nothing(self, store):
        folder = store.folder / "experiments" / "quick"
        folder.mkdir(parents=True)
        (folder / "a.json").write_text("{")
        (folder / "b.json").write_text('{"data": "synthetic"}')
        (folder / "c.json").write_text("[]")
        assert store.stated("quick", "fingerprint") == set()


def test_one_file_corrected_and_run_again_has_a_label_of_its_own(tmp_path):
    """From the command line, to what is stated beside the records."""
    rng = np.random.default_rng(0)
    found = {}
    for corrected in (False, True):
        split = {f"x_{name}": rng.integers(0, 256, (40, 8, 8), np.uint8) for name in ("train", "test")}
        labels = {f"y_{name}": np.arange(40) % 4 for name in ("train", "test")}
        np.savez(tmp_path / "mine.npz", allow_pickle=False, **split, **labels)
        words = [
            "experiments.train",
            "--preset",
            "smoke",
            "--data",
            tmp_path / "mine.npz",
            "--results",
            tmp_path / "r",
        ]
        ran = subprocess.run(
            [sys.executable, "-m", *map(str, words)], cwd=ROOT, capture_output=True, text=True, env=os.environ
        )
        assert ran.returncode == 0, ran.stderr
        found[corrected] = ran
    labels = sorted({label for label, _ in Store(tmp_path / "r").experiments()})
    assert len(labels) == 2
    assert labels[0] == "smoke-mine"
    assert labels[1].startswith("smoke-mine-")
    assert "fewer than the preset asks for" in found[False].stderr
    assert "smoke-mine is the label of other data" in found[True].stderr
