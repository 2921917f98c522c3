"""`python -m analysis.publish`: what is published is what was made, whole, or nothing is."""

import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from analysis import _manifest
from analysis._drawing import DrawingOptions, load, run
from analysis.publish import PublishOptions, publish
from research.errors import InvalidInput
from research.records.identity import identity
from research.records.store import Row, Store


@dataclass(frozen=True)
class Config:
    factor: float = 1.0
    seed: int = 0


MINE = [Config(1.0), Config(2.0)]


def state(store: Store, label: str, name: str, configs: list[Config], data: str = "synthetic") -> None:
    """Records of these configs, and the experiment that consists of them."""
    for config in configs:
        store.write(config, [Row(1, 1.0, "test", "loss", config.factor)], {"status": "finished"}, {})
    about = {
        "preset": "quick",
        "data": data,
        "command": "python",
        "provenance": {"revision": "abc"},
        "runs": [identity(config) for config in configs],
        "measurements": [],
    }
    store.write_experiment(label, name, about)


@pytest.fixture
def options(store, tmp_path) -> PublishOptions:
    """A label of one experiment, finished, collected and drawn."""
    state(store, "mine", "sweep", MINE)
    run({"sweep": None}, DrawingOptions(results=store.folder))
    drawn(store)
    return PublishOptions("mine", store.folder, to=tmp_path / "published")


def drawn(store: Store) -> None:
    folder = store.folder / "figures" / "mine"
    (folder / "sweep.png").write_bytes(b"a picture")
    _manifest.state(folder, "sweep", [folder / "sweep.png"])


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refused(options: PublishOptions, message: str) -> None:
    before = files(options.to)
    with pytest.raises(InvalidInput, match=message):
        publish(options)
    assert files(options.to) == before


def test_what_is_published_is_what_was_looked_at(options):
    publish(options)
    source, target = options.results / "figures" / "mine", options.to / "mine"
    assert files(target) == files(source)
    assert _manifest.stale(target) == {}
    assert len(load(target, "sweep")[0]) == 2


def test_publishing_twice_changes_nothing(options):
    publish(options)
    before = files(options.to)
    publish(options)
    assert files(options.to) == before


def test_a_label_that_is_not_there_is_one_line(options):
    refused(replace(options, label="none"), "label is 'none': .* has no finished experiments of that label")
    refused(replace(options, label=""), "label is '': must name the result")


def test_a_missing_record_is_refused(options, store):
    shutil.rmtree(store.folder / "records" / identity(MINE[0]))
    refused(options, f"cannot be published: record {identity(MINE[0])} of sweep is missing")


def test_a_damaged_record_is_refused(options, store):
    (store.folder / "records" / identity(MINE[0]) / "record.json").write_text("{}")
    refused(options, f"record is '{identity(MINE[0])}'")


def test_a_sweep_that_is_under_way_is_refused(options, store):
    store.write_plan("mine", "memory", {"runs": {}})
    refused(options, "memory is not finished")


def test_a_figure_of_other_records_than_there_are_is_refused(options, store):
    """More seeds were run, and the figure was not drawn again."""
    state(store, "mine", "sweep", [*MINE, Config(3.0)])
    refused(options, "sweep has other records than its figure: python -m analysis.all --results")


def test_a_figure_that_was_changed_by_hand_is_refused(options, store):
    (store.folder / "figures" / "mine" / "sweep.png").write_bytes(b"a nicer picture")
    refused(options, "sweep has other records than its figure")


def test_records_that_were_not_collected_are_refused(options, store):
    state(store, "mine", "memory", [Config(4.0)])
    refused(options, "memory was not collected yet")


def test_a_figure_that_could_not_be_drawn_is_refused(options, store):
    state(store, "mine", "lr_sweep", [Config(4.0)])
    run({"lr_sweep": None}, DrawingOptions(results=store.folder))
    refused(options, "lr_sweep has no figure")


def test_what_was_published_before_stays_if_it_is_of_the_same_data(options, store):
    publish(options)
    shutil.rmtree(store.folder)
    state(store, "mine", "notes", [Config(4.0)])
    run({"notes": None}, DrawingOptions(results=store.folder))
    assert publish(options) == ["notes"]
    assert {"sweep.parquet", "sweep.png", "notes.parquet"} <= set(files(options.to))
    assert set(_manifest.read(options.to / "mine")) == {"sweep"}


def test_one_label_never_holds_two_data_sets(options, store):
    publish(options)
    shutil.rmtree(store.folder)
    state(store, "mine", "notes", [Config(4.0)], data="birds")
    run({"notes": None}, DrawingOptions(results=store.folder))
    refused(options, "it would hold records of quick, birds, exploration and of quick, synthetic, ")


def test_one_label_never_holds_seeds_that_explore_and_seeds_that_confirm(options, store):
    publish(options)
    shutil.rmtree(store.folder)
    state(store, "mine", "notes", [Config(4.0, seed=100)])
    run({"notes": None}, DrawingOptions(results=store.folder))
    refused(options, "it would hold records of quick, synthetic, confirmation and of quick, ")


def test_only_publishing_touches_what_is_published(options, store, tmp_path):
    """Collecting and drawing write below the results folder."""
    assert not options.to.exists()
    assert DrawingOptions(results=store.folder).target == store.folder / "figures"
    assert json.loads((store.folder / "figures" / "mine" / "sweep.json").read_text())["preset"] == "quick"
