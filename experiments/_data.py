"""An experiment on the data at hand: the preset's sizes fitted to the set, and the label that it goes by."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from experiments._experiment import BASES, Experiment
from research import data
from research.data import Arrays, DataConfig, Dataset
from research.errors import InvalidInput, require
from research.measures.groups import GroupLosses
from research.measures.measurement import bind_measurement
from research.measures.replay import Replay
from research.records.store import Store
from research.seeds import Phase
from research.training.config import RunConfig, bind

IMAGES: tuple[str, ...] = ("subset_sizes", "full_size", "cohort_size")
"""Fields of experiments that are numbers of training images, in proportion to the whole set."""
EXAMPLES: tuple[str, ...] = (
    "batch_sizes",
    "longer_batches",
    "noise_batch",
    "sizes",
    "size",
    "examples",
)
"""Fields of experiments that are numbers of examples, in proportion to a batch."""
ARTICLE_IMAGES = 50_000  # in CIFAR-10's training set, all of which the article's experiments use
ENDINGS = re.compile(r"\.(npz|npy|parquet|tar\.gz|tgz|tar)$", re.IGNORECASE)


@dataclass(frozen=True)
class SameImages:
    """Runs of an experiment that are on the same images, and what is measured on them."""

    dataset: Dataset
    runs: Sequence[RunConfig]
    measurements: Sequence[Any]


@dataclass(frozen=True)
class Fitted:
    """An experiment that fits its data.

    Attributes:
        experiment: the experiment, on that data.
        dataset: the images that its base is on.
        arrays: all images of the set.
        notes: what the user may not expect, a line each.
    """

    experiment: Experiment
    dataset: Dataset
    arrays: Arrays
    notes: Sequence[str]

    def by_images(self, runs: Sequence[RunConfig], measurements: Sequence[Any]) -> Iterator[SameImages]:
        """Some of its runs and measurements by their images, which are chosen when a part's turn comes."""
        for config in dict.fromkeys(run.data for run in (*runs, *(item.run for item in measurements))):
            yield SameImages(
                self._on(config),
                [run for run in runs if run.data == config],
                [item for item in measurements if item.run.data == config],
            )

    def _on(self, config: DataConfig) -> Dataset:
        if config == self.dataset.config:
            return self.dataset
        # By the base's name of the set: a run's is the same wherever the set lies.
        named = replace(self.experiment.base.data, subset_seed=config.subset_seed)
        return data.select(named, self.arrays)


class OnData:
    """Puts experiments on data; what several of them need is read once."""

    def __init__(self):
        self._read: dict[DataConfig, Arrays] = {}
        self._datasets: dict[DataConfig, Dataset] = {}

    def __call__(self, experiment: Experiment, preset: Experiment, name: str | None) -> Fitted:
        """The experiment on the data called `name`, or on its own.

        Where the set has fewer images than the preset asks for, the preset's numbers of images are scaled to
        it, and batches that a scaled subset cannot fill are halved until it can. A value that differs from
        the preset's is the user's, and stays.

        Raises:
            InvalidInput: the data cannot be read, or has less than a value of the user's asks for.
        """
        if name is not None:
            experiment = _with_data(experiment, name=name)
        arrays = self._arrays(experiment.base.data)
        experiment, fitted = _fitted(experiment, preset, arrays)
        dataset = self._dataset(experiment.base.data, arrays)
        experiment, halved = _in_proportion(experiment, preset, dataset)
        return Fitted(experiment, dataset, arrays, [*arrays.notes, *fitted, *halved])

    def _arrays(self, config: DataConfig) -> Arrays:
        if not data.source_of(config.name).made_to_size:
            config = replace(config, train_size=None, test_size=None, subset_seed=0)
        if config not in self._read:
            self._read[config] = data.read(config)
        return self._read[config]

    def _dataset(self, config: DataConfig, arrays: Arrays) -> Dataset:
        if config not in self._datasets:
            self._datasets[config] = data.select(config, arrays)
        return self._datasets[config]


def _fitted(experiment: Experiment, preset: Experiment, arrays: Arrays) -> tuple[Experiment, Sequence[str]]:
    """The experiment with the preset's sizes fitted to the set, and what was done to them."""
    config, asked = experiment.base.data, preset.base.data
    train, test = len(arrays.train_labels), len(arrays.test_labels)
    own_size = config.train_size if config.train_size != asked.train_size else None
    there, wanted = min(train, own_size or train), max(asked.train_size or ARTICLE_IMAGES, *_numbers(preset))
    few_test = config.test_size == asked.test_size and (asked.test_size or 0) > test
    if few_test:
        experiment = _with_data(experiment, test_size=test)
    if there < wanted and own_size is None and asked.train_size is not None:
        experiment = _with_data(experiment, train_size=there)
    if there >= wanted and not few_test:
        return experiment, []
    # Nothing of an experiment's own: what is the same for all is said once.
    return experiment, [
        f"{config.name} has {train:,} training and {test:,} test images, fewer than the preset asks for: "
        f"its numbers of training images are times {min(1, there / wanted):.3g}"
    ]


def _in_proportion(
    experiment: Experiment, preset: Experiment, dataset: Dataset
) -> tuple[Experiment, Sequence[str]]:
    """The experiment with its subsets scaled to the set, its batches halved until they fit into these."""
    wanted = max(preset.base.data.train_size or ARTICLE_IMAGES, *_numbers(preset))
    part = min(1.0, dataset.train_size / wanted)
    first = None
    for halvings in range(13):  # a batch of 4096 is then 1: it is not the batches that are wrong
        try:
            fitting = _times(experiment, preset, part, halvings)
            require_fitting(fitting, dataset)
        except InvalidInput as error:
            first = first or error
            if dataset.train_size >= (preset.base.data.train_size or ARTICLE_IMAGES):
                break
            continue
        said = f"the preset's batches are divided by {2**halvings} where its subsets would not fill them"
        return fitting, [said] if halvings else []
    assert first is not None
    raise _by_its_option(first, experiment, preset, dataset)


def _by_its_option(
    error: InvalidInput, experiment: Experiment, preset: Experiment, dataset: Dataset
) -> InvalidInput:
    """The error, or where one option of the user's is why runs or measurements are refused, that option's.

    `--halved 0` makes a schedule that cannot be; that the schedule cannot be is no help.
    """
    for name in (item.name for item in fields(experiment) if item.name != "base"):
        given, usual = getattr(experiment, name), getattr(preset, name)
        if given != usual and name != error.field:
            try:
                require_fitting(replace(experiment, **{name: usual}), dataset)
            except InvalidInput:
                continue
            return InvalidInput(name, given, f"{error.field} is {error.value!r}: {error.allowed}")
    return error


def require_fitting(experiment: Experiment, dataset: Dataset) -> None:
    """Refuse an experiment whose runs or measurements cannot be, or not on this data."""
    for run in experiment.runs():
        bind(run, dataset)
    for item in experiment.measurements():
        bound = bind_measurement(item, dataset)
        if isinstance(item, Replay | GroupLosses):
            _require_never_seen(bound, dataset)


def _require_never_seen(measurement: Replay | GroupLosses, dataset: Dataset) -> None:
    """Refuse what is measured against images never seen, as all of an experiment's memory is, without any."""
    run = measurement.run
    assert run.subset_size is not None
    of_batches = isinstance(measurement, Replay) and measurement.statistics == "batch"
    fewest = run.batch_size if of_batches else 2  # whole batches, or enough to have an error
    first, end = run.order.groups(run.subset_size, dataset.train_size).get("never_seen", (0, 0))
    require(
        end - first >= fewest,
        "subset_size",
        run.subset_size,
        f"leaves {end - first} of {dataset.train_size} training images never seen, which memory is measured "
        f"against; must leave {fewest} at least",
    )


def _times(experiment: Experiment, preset: Experiment, part: float, halvings: int) -> Experiment:
    """The experiment with the preset's numbers of images times `part`, its batches halved so often.

    A value that is not the preset's stays as it is.
    """

    def images(value: int) -> int:
        return max(1, int(value * part))

    def examples(value: int) -> int:
        return max(1, value >> halvings)

    def changes(of: Any, asked: Any, rules: Mapping[str, Callable[[int], int]]) -> dict[str, Any]:
        found = {}
        for name in {item.name for item in fields(of)} & set(rules):
            value = getattr(of, name)
            if value is not None and value == getattr(asked, name):
                many = isinstance(value, tuple)
                found[name] = tuple(dict.fromkeys(map(rules[name], value))) if many else rules[name](value)
        return found

    of_base = changes(experiment.base, preset.base, {"subset_size": images, "batch_size": examples})
    of_all = changes(experiment, preset, dict.fromkeys(IMAGES, images) | dict.fromkeys(EXAMPLES, examples))
    return replace(experiment, base=replace(experiment.base, **of_base), **of_all)


def _with_data(experiment: Experiment, **changes: Any) -> Experiment:
    base = experiment.base
    return replace(experiment, base=replace(base, data=replace(base.data, **changes)))


def _numbers(preset: Experiment) -> Sequence[int]:
    """All the numbers of images and of examples that it has."""
    values = [getattr(preset, name) for name in (*IMAGES, *EXAMPLES) if hasattr(preset, name)]
    flat = [item for value in values for item in (value if isinstance(value, tuple) else (value,))]
    return [*flat, preset.base.subset_size or 0, preset.base.batch_size]


def label_for(
    given: str | None, preset: str, config: DataConfig, store: Store, phase: Phase = "exploration"
) -> tuple[str, Sequence[str]]:
    """The label of a result on this data, which is that of no other data in the store; and a note.

    Raises:
        InvalidInput: the label is that of a result on seeds that are for something else, or the user's own
            that of other data.
    """
    own = data.fingerprint(config)
    label = given or _default_label(preset, config, own) + ("-confirm" if phase == "confirmation" else "")
    if other := store.stated(label, "phase") - {phase}:
        said = f"names a result of {other.pop()} in {store.folder}, and these seeds are for {phase}"
        raise InvalidInput("label", label, f"{said}; give another --label")
    if not (taken := store.stated(label, "fingerprint")) - {own}:
        return label, ()
    if given is not None or own in taken:
        raise InvalidInput(
            "label", label, f"names a result on other data in {store.folder}; give another --label"
        )
    longer = f"{label}-{own[:8]}"
    return longer, (f"{label} is the label of other data in {store.folder}; this result's is {longer}",)


def _default_label(preset: str, config: DataConfig, own: str) -> str:
    """The preset, with the data where it is not the preset's own."""
    if preset in BASES and config.name == BASES[preset].data.name:
        return preset
    name = ENDINGS.sub("", config.name.lower())
    slug = re.sub(r"[^a-z0-9]+", "-", name).strip("-")
    # Letters of other scripts are not in a label: names that differ in them alone need something else.
    lost = not slug or any(letter.isalnum() and not letter.isascii() for letter in name)
    return "-".join([preset, *([slug] if slug else []), *([own[:8]] if lost else [])])
