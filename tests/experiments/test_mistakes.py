"""Every command's wrong inputs: one line, exit status 2, nothing written."""

import runpy
import shlex
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from experiments import _run, train
from research import data
from research.records.identity import SCHEMA, identity
from research.records.store import Store
from research.training.config import bind

ROOT = Path(__file__).parents[2]
SMOKE = "--preset smoke"
OWN = f"{SMOKE} --data"

MISTAKES = [
    # the command line itself
    ("experiments.train", "--preset huge", "preset is 'huge': must be one of"),
    ("experiments.train", f"{SMOKE} --no-such-option", "--no-such-option"),
    ("experiments.train", f"{SMOKE} --seeds", "seeds is '': must be a whole number"),
    ("experiments.train", f"{SMOKE} --seeds many", "seeds is 'many': must be a whole number"),
    ("experiments.all", "--preset huge", "preset is 'huge': must be one of smoke, quick"),
    ("experiments.all", f"{SMOKE} --only nothing", "only is 'nothing': must be among"),
    ("experiments.all", f"{SMOKE} --seeds 0", "seeds is 0"),
    # fields of the base that the experiment sets itself
    ("experiments.lr_sweep", f"{SMOKE} --base.factor 2", "base.factor is '2': lr_sweep sets it itself"),
    ("experiments.batch_ladder", f"{SMOKE} --base.batch-size 8", "base.batch_size is '8': batch_ladder sets"),
    (
        "experiments.precision",
        f"{SMOKE} --base.precision bfloat16",
        "base.precision is 'bfloat16': precision",
    ),
    ("experiments.cohort", f"{SMOKE} --base.order reshuffled --base.factor 2", "base.factor is '2'"),
    ("experiments.cohort", f"{SMOKE} --until 2", "until is 2: must be below the 2 epochs of a run"),
    # nothing would be left to measure memory against
    ("experiments.forgetting", f"{SMOKE} --full-size 320", "full_size is 320: subset_size is 320: leaves 0"),
    ("experiments.lasting", f"{SMOKE} --base.subset-size 320", "subset_size is 320: leaves 0 of 320"),
    ("experiments.revisits", f"{SMOKE} --base.subset-size 320", "subset_size is 320: leaves 0 of 320"),
    ("experiments.annealing", f"{SMOKE} --base.subset-size 320", "subset_size is 320: leaves 0 of 320"),
    *(
        (
            f"experiments.{name}",
            f"{SMOKE} --base.{field} {value}",
            f"{name} sets it itself, in some of its runs",
        )
        for name, field, value in [
            ("accumulation", "accumulate", 2),
            ("additive_noise", "accumulate", 2),
            ("additive_noise", "gradient", "fresh_noise"),
            ("annealing", "order", "half"),
            ("fine_tuning", "accumulate", 2),
            ("fine_tuning", "order", "half"),
            ("grow_batch", "grow-at", 1),
            ("remedies", "optimizer", "adam"),
            ("remedies", "optimizer.momentum", 0),
        ]
    ),
    # the data
    ("experiments.train", f"{SMOKE} --data imagenet", "data.name is 'imagenet': must be one of"),
    ("experiments.forgetting", f"{SMOKE} --data missing.npz", "there is no such file"),
    ("experiments.train", f"{OWN} empty.npz", "cannot be read as an .npz file"),
    ("experiments.lr_sweep", f"{OWN} corrupt.npz", "cannot be read as an .npz file"),
    ("experiments.train", f"{OWN} cut.npz", "cannot be read as an .npz file"),
    (
        "experiments.train",
        f"{OWN} lacking.npz",
        "train_images, train_labels, test_images: must hold train_images",
    ),
    ("experiments.train", f"{OWN} flat.npz", "must be numbers in 0 .. 255 or in 0 .. 1, of shape (N"),
    ("experiments.train", f"{OWN} normalised.npz", "from -1 to 1': must be in 0 .. 255"),
    ("experiments.train", f"{OWN} keys.npz", "holds the arrays a, b, c, d: must hold train_images"),
    ("experiments.train", f"{OWN} one.npz", "holds one array, saved by np.save"),
    ("experiments.train", f"{OWN} nothing", "holds nothing: must be"),
    ("experiments.train", f"{OWN} a_file", "must be CIFAR-10 or CIFAR-100 as published"),
    ("experiments.train", f"{OWN} tfds:x/y/z", "must be tfds:NAME"),
    ("experiments.train", f"{OWN} good.npz --label taken --results labelled", "names a result on other data"),
    ("experiments.train", f"{OWN} nobody.npz", "must be numbers in 0 .. 255 or in 0 .. 1, of shape"),
    ("experiments.train", f"{OWN} shapes.npz", "must have the shape of train_images"),
    ("experiments.train", f"{OWN} counts.npz", "must be one for each of the 40 images"),
    ("experiments.train", f"{OWN} real_labels.npz", "must be whole numbers, or names"),
    ("experiments.train", f"{OWN} negative.npz", "must be class numbers from 0 up"),
    ("experiments.train", f"{OWN} beyond.npz", "must be among the classes of train_labels"),
    ("experiments.train", f"{OWN} one_class.npz", "must name at least two classes"),
    ("experiments.train", f"{OWN} good.npz --base.data.train-size 99", "the data set has 40 images"),
    ("experiments.train", f"{OWN} good.npz --base.data.test-size 99", "the data set has 12 images"),
    ("experiments.train", f"{OWN} good.npz --base.data.image-size 0", "data.image_size is 0"),
    ("experiments.train", f"{SMOKE} --base.data.train-size 0", "data.train_size is 0"),
    ("experiments.train", f"{SMOKE} --base.data.synthetic.classes 1", "data.synthetic.classes is 1"),
    ("experiments.train", f"{SMOKE} --base.data.synthetic.noise nan", "data.synthetic.noise is nan"),
    ("experiments.train", f"{SMOKE} --base.data.fingerprint abc", "data.fingerprint is 'abc'"),
    # the run
    ("experiments.lr_sweep", f"{SMOKE} --factors 1 0", "factors is 0.0: must be finite and above 0"),
    ("experiments.lr_sweep", f"{SMOKE} --factors -1", "factors is -1.0"),
    ("experiments.train", f"{SMOKE} --base.factor nan", "factor is nan"),
    ("experiments.train", f"{SMOKE} --base.factor inf", "factor is inf"),
    ("experiments.train", f"{SMOKE} --base.factor 1e300", "below 1e30"),
    ("experiments.lr_sweep", f"{SMOKE} --factors", "factors is (): must have at least one"),
    ("experiments.lr_sweep", f"{SMOKE} --batch-sizes", "experiment is 'lr_sweep': asks for no runs"),
    ("experiments.train", f"{SMOKE} --tensorboard good.npz", "must be a folder that can be written to"),
    ("experiments.train", f"{SMOKE} --base.data.test-size 99999999", "data.test_size is 99999999"),
    ("experiments.lr_sweep", f"{SMOKE} --subset-sizes 64 330", "subset_size is 330"),
    ("experiments.lr_sweep", f"{SMOKE} --subset-sizes 8", "must not exceed subset_size, 8"),
    ("experiments.lr_sweep", f"{SMOKE} --batch-sizes 0", "batch_size is 0"),
    ("experiments.scaling_rules", f"{SMOKE} --batch-sizes 0", "batch_sizes is (0,): batch_size is 0"),
    ("experiments.annealing", f"{SMOKE} --halved 0", "halved is 0: must be at least 1"),
    ("experiments.annealing", f"{SMOKE} --peak-epochs 1", "must be above warm_up_epochs, 1"),
    ("experiments.annealing", f"{SMOKE} --warm-up-epochs 0", "warm_up_epochs is 0: must be at least 1"),
    ("experiments.lasting", f"{SMOKE} --factors", "factors is (): must have at least one"),
    ("experiments.lasting", f"{SMOKE} --annealed 0", "annealed is 0: must be at least 1"),
    ("experiments.revisits", f"{SMOKE} --passes 0", "passes is 0: must be at least 1"),
    ("experiments.revisits", f"{SMOKE} --peak-rate 0", "peak_rate is 0.0: must be finite and above 0"),
    ("experiments.remedies", f"{SMOKE} --shares 2", "shares is 2.0: must be above 0 and at most 1"),
    ("experiments.additive_noise", f"{SMOKE} --late 1", "late is 1: must be None where the peak is so short"),
    ("experiments.additive_noise", f"{SMOKE} --ages -1", "ages is -1: must be at least 1"),
    ("experiments.averaging", f"{SMOKE} --epochs-averaged 9", "at most the 2 epochs of a run"),
    ("experiments.size_by_updates", f"{SMOKE} --updates 0", "updates is 0: must be at least 1"),
    ("experiments.signature", f"{SMOKE} --examples 0", "examples is 0: must be at least 1"),
    # of whose runs something is measured
    ("experiments.batch_ladder", f"{SMOKE} --batch-sizes", "batch_sizes is (): must have at least one"),
    (
        "experiments.batch_ladder",
        f"{SMOKE} --batch-sizes 8",
        "noise_batch is 16: must be one of batch sizes, 8",
    ),
    (
        "experiments.batch_ladder",
        f"{SMOKE} --noise-factor 3",
        "noise_factor is 3.0: must be one of factors, 1",
    ),
    # two fields of a schedule, neither of which can be without the other
    *(
        (
            f"experiments.{name}",
            f"{SMOKE} --base.schedule.knots 0 1 --base.schedule.values 1 0",
            f"base.schedule.knots is '0,1': {name} sets it itself",
        )
        for name in ("annealing", "revisits", "lasting", "remedies", "size_by_updates", "additive_noise")
    ),
    ("experiments.edge", f"{SMOKE} --size 0", "size is 0: must be at least 1"),
    (
        "experiments.edge",
        f"{SMOKE} --base.optimizer adam",
        "optimizer is 'adam': has no momentum, which is to be 0.0",
    ),
    (
        "experiments.accumulation",
        f"{SMOKE} --base.model mlp",
        "model is 'mlp': has no norm, which is to be batch",
    ),
    ("experiments.train", f"{SMOKE} --base.batch-size 512", "must not exceed the subset, 320 images"),
    ("experiments.train", f"{SMOKE} --base.epochs 0", "epochs is 0"),
    ("experiments.train", f"{SMOKE} --base.optimizer.momentum 1", "optimizer.momentum is 1.0"),
    ("experiments.train", f"{SMOKE} --base.optimizer.weight-decay -1", "optimizer.weight_decay is -1.0"),
    ("experiments.train", f"{SMOKE} --base.seed -1", "seed is -1"),
    ("experiments.train", f"{SMOKE} --seeds 99999999999", "seeds is 99999999999"),
    (
        "experiments.train",
        f"{SMOKE} --base.augmentation.0.padding 8",
        "must be below the images' side, 8 pixels",
    ),
    ("experiments.train", f"{SMOKE} --base.precision float8", "base.precision is 'float8': must be one of"),
    ("experiments.train", f"{SMOKE} --base.model vgg", "base.model is 'vgg': must be one of"),
    ("experiments.train", f"{SMOKE} --base.optimizer", "base.optimizer is '': must be one of"),
    ("experiments.train", f"{SMOKE} --base.augmentation warp", "base.augmentation is 'warp': must be any of"),
    ("experiments.train", f"{SMOKE} --base.model.width 0", "model.width is 0"),
    ("experiments.train", f"{SMOKE} --base.model.blocks 1 0", "model.blocks"),
    ("experiments.train", f"{SMOKE} --base.model.blocks 1 1 1 1 1", "model.blocks"),
    ("experiments.train", f"{SMOKE} --base.schedule.knots 0 2 1 3", "must start at 0 and increase"),
    ("experiments.train", f"{SMOKE} --base.schedule.knots 0 1", "must have one value per knot"),
    ("experiments.train", f"{SMOKE} --base.schedule.values 0 nan 1 0", "must be finite"),
    # what is measured
    ("experiments.forgetting", f"{SMOKE} --epochs-back 3", "epochs_back is 3: must be in 1 .. 2"),
    ("experiments.forgetting", f"{SMOKE} --statistics none", "must be one of running, batch"),
    ("experiments.forgetting", f"{SMOKE} --full-size 1", "full_size is 1"),
    ("experiments.curvature", f"{SMOKE} --measured-epochs 3", "epoch is 3: must be in 1 .. 2"),
    ("experiments.curvature", f"{SMOKE} --num-matvecs 1", "num_matvecs is 1"),
    ("experiments.budget", f"{SMOKE} --measured-epochs 0", "epoch is 0"),
    ("experiments.budget", f"{SMOKE} --steps 0", "steps is 0"),
    # where and how it runs
    ("experiments.train", f"{SMOKE} --results a_file", "results is 'a_file': must be a folder"),
    ("experiments.train", f"{SMOKE} --results a_file/inside", "must be a folder that can be written to"),
    ("experiments.train", f"{SMOKE} --results /proc/results", "must be a folder that can be written to"),
    ("experiments.train", f"{SMOKE} --results old", f"is not of schema {SCHEMA}; use another results folder"),
    ("experiments.train", f"{SMOKE} --label a/b", "label is 'a/b'"),
    ("experiments.train", f"{SMOKE} --label report.html", "label is 'report.html': must not end in .html"),
    ("experiments.train", f"{SMOKE} --label Claims.JSON", "label is 'Claims.JSON': must not end in .html"),
    ("experiments.train", f"{SMOKE} --data-parallel 9", "data_parallel is 9: there are 8 devices"),
    ("experiments.train", f"{SMOKE} --data-parallel 7", "data_parallel is 7: must divide batch_size, 64"),
    ("experiments.train", f"{SMOKE} --data-parallel 0", "data_parallel is 0"),
    ("experiments.train", f"{SMOKE} --host-devices 0", "host_devices is 0"),
    (
        "experiments.train",
        f"{SMOKE} --host-devices 100000 --dry-run",
        "host_devices is 100000: must be in 1 .. 1024",
    ),
    (
        "experiments.train",
        f"{SMOKE} --runs-per-device 4 --dry-run",
        "runs_per_device is 4: must be 1 on a CPU",
    ),
    ("experiments.train", f"{SMOKE} --label {'a' * 101}", "at most 100 of them"),
    ("experiments.train", f"{SMOKE} --seeds-from 100 --base.seed 3", "base.seed is 3: --seeds-from says 100"),
    ("experiments.all", "--group --dry-run", "group is 'none': must be among"),
    ("experiments.train", f"{SMOKE} --data ''", "data is ''"),
    ("experiments.train", f"{SMOKE} --checkpoint-every -1", "checkpoint_every is -1"),
    ("experiments.train", f"{SMOKE} --wandb", "wandb is True: is not installed"),
    ("experiments.train", f"{SMOKE} --launcher cloud", "launcher is 'cloud': must be one of"),
    ("experiments.train", f"{SMOKE} --launcher slurm", "Slurm is not installed here"),
    ("experiments.all", f"{SMOKE} --launcher slurm", "Slurm is not installed here"),
    ("experiments.train", f"{SMOKE} --slurm.time 0", "slurm.time is 0"),
    ("experiments.train", f"{SMOKE} --slurm.gpus 0", "slurm.gpus is 0"),
    ("experiments.train", f"{SMOKE} --slurm.runs-per-job 0", "slurm.runs_per_job is 0"),
    ("experiments.train", f"{SMOKE} --processes 0", "processes is 0"),
    ("experiments.train", f"{SMOKE} --processes 2 --coordinator here", "must be HOST:PORT"),
    ("experiments.train", f"{SMOKE} --processes 2 --coordinator here:1", "process_id is None"),
    ("experiments.train", f"{SMOKE} --processes 2 --coordinator here:1 --process-id 2", "in 0 .. 1"),
    ("experiments.train", f"{SMOKE} --processes 2 --launcher slurm", "start the command with srun"),
    # looking at it
    ("experiments.status", "--results nowhere", "results is 'nowhere': no sweep was started there"),
    ("experiments.status", "--results a_file", "no sweep was started there"),
    ("experiments.status", "--label quick", "--label"),
    ("experiments.replay", "--results nowhere", "results is 'nowhere': holds no records"),
    ("experiments.replay", "--results a_file", "results is 'a_file': holds no records"),
    ("experiments.replay", "--results old", "none of its records has a checkpoint"),
    ("experiments.replay", "--results kept --epoch 2", "record is None: is needed"),
    ("experiments.replay", "--results kept --record zz", "it begins that of none"),
    ("experiments.replay", "--results two --record ''", "it begins that of 2"),
    ("experiments.replay", "--results kept --record '' --epoch 1", "epoch is 1"),
    ("experiments.replay", "--results kept --record '' --epochs-back 3", "epochs_back is 3"),
    ("experiments.replay", "--results kept --record '' --statistics none", "must be one of running, batch"),
    ("experiments.replay", "--results kept --record '' --data missing.npz", "there is no such file"),
    ("experiments.replay", "--results kept --record '' --data good.npz", "holds other data"),
    ("experiments.replay", "--results spoilt --record ''", "is damaged: checkpoint 0002"),
    ("analysis.lr_sweep", "--results damaged --label none", "label is 'none'"),
    ("analysis.lr_sweep", "--results damaged --figures figures", "damaged; the experiment's command"),
    ("analysis.forgetting", "--redraw --figures nowhere", "figures is 'nowhere': there is no such folder"),
    ("analysis.lr_sweep", "--results damaged --figures a_file", "--figures FOLDER writes elsewhere"),
    ("analysis.all", "--results damaged --figures a_file/inside", "--figures FOLDER writes elsewhere"),
    ("analysis.all", "--results damaged --label none", "label is 'none': damaged has only smoke"),
    ("analysis.all", "--results old", "results is 'old': there are no finished experiments in it"),
    ("analysis.all", "--results nowhere", "there is no such folder"),
    ("analysis.claims", "--label none --figures nowhere", "none"),
    ("analysis.claims", "--only C99", "C99"),
    ("analysis.report", "--label none --figures nowhere", "none"),
    # a new experiment
    ("experiments.new", "", "name is ''"),
    ("experiments.new", "class", "name is 'class'"),
    ("experiments.new", "Big-Name", "name is 'Big-Name'"),
    ("experiments.new", "../x", "name is '../x'"),
    ("experiments.new", "''", "name is ''"),
    ("experiments.new", f"{'a' * 41}", "at most 40"),
    ("experiments.new", f"lr_sweep --folder {ROOT}", "lr_sweep.py is there already"),
    ("experiments.new", f"claims --folder {ROOT}", "analysis/claims is there already"),
    ("experiments.new", "mine --values 1 many", "optimizer.weight_decay is 'many'"),
    ("experiments.new", "mine --values 1 nan", "optimizer.weight_decay is nan"),
    ("experiments.new", "mine --field optimizer.momentum --values 0.5 1", "optimizer.momentum is 1.0"),
    ("experiments.new", "mine --field epochs --values 1 inf", "epochs is 'inf': must be a whole number"),
    ("experiments.new", "mine --field model.width --values 0 8", "model.width is 0"),
    ("experiments.new", "mine --field model.name --values 1 2", "field is 'model.name'"),
    ("experiments.new", "mine yours", "yours"),
    ("experiments.new", "mine --field nothing", "field is 'nothing'"),
    ("experiments.new", "mine --values 1", "at least two different ones are needed"),
    ("experiments.new", "mine --field epochs --values 1 1.5", "epochs is '1.5'"),
    ("experiments.new", "mine --folder nowhere", "has no experiments/ in it"),
]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """A folder with the files that the mistakes are about."""
    folder = tmp_path_factory.mktemp("inputs")
    rng = np.random.default_rng(0)
    good = {
        "train_images": rng.integers(0, 256, (40, 8, 8, 3), np.uint8),
        "train_labels": np.arange(40) % 4,
        "test_images": rng.integers(0, 256, (12, 8, 8, 3), np.uint8),
        "test_labels": np.arange(12) % 4,
    }
    changed = {
        "good": {},
        "flat": {"train_images": good["train_images"].reshape(40, -1)},
        "normalised": {"train_images": good["train_images"] / 127.5 - 1},
        "nobody": {"test_images": good["test_images"][:0]},
        "shapes": {"test_images": good["test_images"][:, :4, :4]},
        "counts": {"train_labels": good["train_labels"][:39]},
        "real_labels": {"train_labels": good["train_labels"] / 2},
        "negative": {"train_labels": good["train_labels"] - 1},
        "beyond": {"test_labels": good["test_labels"] + 1},
        "one_class": {"train_labels": good["train_labels"] * 0},
    }
    for name, change in changed.items():
        np.savez(folder / f"{name}.npz", **{**good, **change})
    np.savez(folder / "lacking.npz", **{name: good[name] for name in list(good)[:3]})
    np.savez(folder / "keys.npz", **dict(zip("abcd", good.values(), strict=True)))
    with (folder / "one.npz").open("wb") as file:
        np.save(file, good["train_images"])
    (folder / "nothing").mkdir()
    Store(folder / "labelled").write_plan("taken", "train", {"fingerprint": "other"})
    whole = (folder / "good.npz").read_bytes()
    (folder / "empty.npz").write_bytes(b"")
    (folder / "corrupt.npz").write_bytes(bytes(rng.integers(0, 256, 1000, np.uint8)))
    (folder / "cut.npz").write_bytes(whole[: len(whole) // 2])
    (folder / "a_file").write_text("")
    (run,) = train.PRESETS["smoke"].runs()
    run = bind(run, data.load(run.data))
    record = folder / "old" / "records" / identity(run)
    record.mkdir(parents=True)
    (record / "record.json").write_text('{"schema": 0}')
    for name, runs in (("kept", [run]), ("two", [run, replace(run, seed=1)]), ("spoilt", [run])):
        for each in runs:
            Store(folder / name).write(each, [], {"status": "finished", "epochs": 2}, {}, {2: Path.mkdir})
    (folder / "spoilt" / "records" / identity(run) / "checkpoints" / "0002" / "more").touch()
    (folder / "damaged" / "experiments" / "smoke").mkdir(parents=True)
    (folder / "damaged" / "experiments" / "smoke" / "lr_sweep.json").write_text("{")
    return folder


def test_there_are_enough_of_them():
    assert len({(command, words) for command, words, _ in MISTAKES}) >= 60


@pytest.mark.filterwarnings("ignore:.*found in sys.modules:RuntimeWarning")
@pytest.mark.parametrize(("command", "words", "said"), MISTAKES, ids=lambda text: str(text)[:60])
def test_a_mistake_is_one_line_and_status_2_and_nothing_is_written(
    inputs, monkeypatch, capfd, command, words, said
):
    monkeypatch.setattr(_run, "prepare", lambda *_: None)  # JAX is set up already
    monkeypatch.chdir(inputs)
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(sys, "argv", [command, *shlex.split(words)])
    before = {path: path.stat().st_mtime_ns for path in inputs.rglob("*")}
    with pytest.raises(SystemExit) as stop:
        runpy.run_module(command, run_name="__main__", alter_sys=True)
    errors = capfd.readouterr().err
    assert stop.value.code == 2, errors
    assert errors.startswith("error: ")
    assert errors.count("\n") == 1, errors
    assert said in errors
    assert {path: path.stat().st_mtime_ns for path in inputs.rglob("*")} == before
