import errno
import json
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
import pytest

from experiments import discover
from research.errors import InvalidInput
from research.records.identity import canonical, identity, restored
from research.records.store import COLUMNS, Damaged, Row, Store, flatten
from research.training.config import RunConfig

ROWS = [Row(4, 1.0, "test", "loss", 0.5), Row(8, 2.0, "test", "loss", float("nan"))]
FINISHED = {"status": "finished", "epochs": 4}


@dataclass(frozen=True)
class Model:
    width: int = 8


@dataclass(frozen=True)
class Config:
    factor: float = 1.0
    sizes: tuple[int, ...] = (1, 2)
    model: Model = Model()


@dataclass(frozen=True)
class OtherConfig(Config):
    pass


def test_a_record_comes_back_as_it_was_written(store):
    store.write(Config(), ROWS, FINISHED, {"jax": "1"})
    about, rows = store.read(Config())
    assert about["config"] == canonical(Config())
    assert about["outcome"] == FINISHED
    assert about["provenance"] == {"jax": "1"}
    expected = pd.DataFrame([vars(row) for row in ROWS])
    pd.testing.assert_frame_equal(rows, expected, check_dtype=False)
    assert tuple(rows) == COLUMNS


def test_nothing_is_visible_before_all_of_it_is(store):
    def interrupted(path):
        path.mkdir()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.write(Config(), ROWS, FINISHED, {}, {3: interrupted})
    assert not store.has(Config())
    assert list((store.folder / "records").iterdir()) == []


def test_writing_the_same_again_changes_nothing_but_may_add_states(store):
    store.write(Config(), ROWS, FINISHED, {"first": 1}, {2: Path.mkdir})
    assert not store.has(Config(), (2, 3))
    store.write(Config(), ROWS, FINISHED, {"first": 0}, {3: Path.mkdir})
    assert store.read(Config())[0]["provenance"] == {"first": 1}
    assert store.has(Config(), (2, 3))
    assert len(list((store.folder / "records").iterdir())) == 1


def test_states_after_the_end_of_a_run_are_not_owed(store):
    store.write(Config(), ROWS, {"status": "diverged", "diverged_step": 9, "epochs": 3}, {}, {3: Path.mkdir})
    assert store.has(Config(), (3, 4))
    assert not store.has(Config(), (2,))


def test_a_table_joins_rows_config_and_outcome(store):
    store.write(Config(), ROWS, FINISHED, {})
    store.write(Config(2.0), ROWS[:1], {"status": "diverged", "diverged_step": 3}, {})
    table = store.table([Config(), Config(2.0)])
    assert table["factor"].tolist() == [1, 1, 2]
    assert table["model.width"].tolist() == [8, 8, 8]
    assert table["status"].tolist() == ["finished", "finished", "diverged"]
    assert table["diverged_step"].iloc[2] == 3


@dataclass(frozen=True)
class Moment:
    epoch: int = 7


def test_a_configs_field_never_replaces_a_rows_column(store):
    store.write(Moment(), ROWS, FINISHED, {})
    table = store.table([Moment()])
    assert table["epoch"].tolist() == [1.0, 2.0]
    assert table["config.epoch"].tolist() == [7, 7]


def test_nested_configs_become_columns():
    assert flatten({"a": {"b": 1, "c": [1, 2]}, "d": None}) == {"a.b": 1, "a.c": "[1, 2]", "d": None}


@pytest.mark.parametrize(
    ("number", "kind"), [(2**63 - 1, int), (2**63, float), (-(2**64), float), (10**25, float)]
)
def test_a_whole_number_that_no_column_holds_is_the_float_that_it_was(number, kind):
    (value,) = flatten({"factor": number}).values()
    assert (value, type(value)) == (kind(number), kind)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("metrics.parquet", b""),
        ("metrics.parquet", b"PAR1 cut off"),
        ("record.json", b""),
        ("record.json", b"[]"),
        ("record.json", b'{"schema": 0}'),
        ("record.json", b"\xff\xfe"),
    ],
)
def test_a_damaged_record_is_one_line(store, file, content):
    store.write(Config(), ROWS, FINISHED, {})
    (store.folder / "records" / identity(Config()) / file).write_bytes(content)
    with pytest.raises(InvalidInput, match=f"record is '{identity(Config())}'"):
        store.read(Config())


@pytest.mark.parametrize("file", ["metrics.parquet", "record.json"])
def test_no_bit_of_a_record_can_change_unnoticed(store, file):
    store.write(Config(), ROWS, FINISHED, {"jax": "1"})
    path = store.folder / "records" / identity(Config()) / file
    whole = path.read_bytes()
    about = store.read(Config())[0]
    for position in range(0, len(whole), 1 if file == "record.json" else 40):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 4]) + whole[position + 1 :])
        try:
            assert store.verified(Config()) == about  # white space between the JSON's values
            assert whole[position : position + 1].isspace()
        except Damaged:
            pass
    path.write_bytes(whole)
    assert store.verified(Config()) == about


def test_a_state_that_changed_is_found_out(store):
    def save(path):
        path.mkdir()
        (path / "state").write_bytes(b"1234")

    store.write(Config(), ROWS, FINISHED, {}, {2: save})
    assert store.verified(Config()) is not None
    (store.checkpoint_path(Config(), 2) / "state").write_bytes(b"1235")
    with pytest.raises(Damaged, match="checkpoint 0002: state not what was written"):
        store.verified(Config())


def test_records_older_than_checksums_are_read(store):
    store.write(Config(), ROWS, FINISHED, {})
    path = store.folder / "records" / identity(Config()) / "record.json"
    about = json.loads(path.read_text())
    del about["files"], about["checksum"]
    path.write_text(json.dumps(about))
    assert store.verified(Config()) == about
    assert len(store.read(Config())[1]) == 2


def test_a_record_of_another_schema_is_not_taken_for_a_damaged_one(store):
    store.write(Config(), ROWS, FINISHED, {})
    path = store.folder / "records" / identity(Config()) / "record.json"
    about = json.loads(path.read_text())
    del about["files"], about["checksum"]
    path.write_text(json.dumps(about | {"schema": 0}))
    with pytest.raises(InvalidInput, match="is not of schema") as error:
        store.verified(Config())
    assert not isinstance(error.value, Damaged)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"runs": [], "checksum": "0"}'])
def test_a_damaged_statement_of_an_experiment_is_one_line(store, content):
    store.write_experiment("quick", "lr_sweep", {"runs": []})
    (store.folder / "experiments" / "quick" / "lr_sweep.json").write_text(content)
    with pytest.raises(InvalidInput, match="is damaged"):
        store.read_experiment("quick", "lr_sweep")


def test_a_missing_record_is_one_line(store):
    with pytest.raises(InvalidInput, match="is not in"):
        store.read(replace(Config(), factor=3.0))


def test_a_results_folder_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "results").write_text("")
    with pytest.raises(InvalidInput, match="must be a folder"):
        Store(tmp_path / "results").prepare()


def test_experiments_are_listed_with_their_labels(store):
    store.write_experiment("quick", "lr_sweep", {"runs": []})
    store.write_experiment("quick-digits", "forgetting", {"runs": ["a"]})
    assert store.experiments() == [("quick", "lr_sweep"), ("quick-digits", "forgetting")]
    assert store.read_experiment("quick-digits", "forgetting") == {"runs": ["a"]}
    with pytest.raises(InvalidInput, match="no finished lr_sweep"):
        store.read_experiment("paper", "lr_sweep")


@pytest.mark.parametrize("preset", ["smoke", "quick", "paper"])
def test_every_experiments_runs_come_back_from_their_records(preset):
    """Numbers with their types, schedules of both kinds; what was added later may be missing."""
    for presets in discover().values():
        for run in dict.fromkeys(presets[preset].runs()):
            stored = json.loads(json.dumps(canonical(run)))
            del stored["warm_up"]
            back = restored(RunConfig, stored)
            assert replace(back, warm_up=run.warm_up) == run
            assert isinstance(back.factor, float)


@pytest.mark.parametrize("change", [{"kind": "Replay"}, {"something": 1}])
def test_a_record_of_something_else_is_refused(change):
    with pytest.raises(InvalidInput, match="record is"):
        restored(RunConfig, canonical(RunConfig()) | change)


def test_states_are_added_to_a_record_whose_empty_folder_a_copy_dropped(store):
    store.write(Config(), ROWS, FINISHED, {})
    (store.folder / "records" / identity(Config()) / "checkpoints").rmdir()
    assert store.verified(Config()) is not None
    assert not store.has(Config(), (4,))
    store.write(Config(), ROWS, FINISHED, {}, {4: Path.mkdir})
    assert store.has(Config(), (4,))
    assert store.kept(identity(Config())) == [4]
    assert store.verified(Config()) is not None


@pytest.mark.parametrize("file", ["record.json", "metrics.parquet", "checkpoints/0004/checksums.json"])
def test_what_another_user_lets_nobody_read_is_not_taken_for_damaged(store, monkeypatch, file):
    store.write(Config(), ROWS, FINISHED, {}, {4: Path.mkdir})
    closed = store.folder / "records" / identity(Config()) / file
    assert closed.exists()
    for reader in ("read_text", "read_bytes"):
        before = getattr(Path, reader)

        def read(path, *arguments, before=before, **options):
            if path == closed:
                raise PermissionError(errno.EACCES, "Permission denied", str(path))
            return before(path, *arguments, **options)

        monkeypatch.setattr(Path, reader, read)
    with pytest.raises(InvalidInput, match=r"cannot be read \(Permission denied\)") as error:
        store.verified(Config())
    assert not isinstance(error.value, Damaged)


def test_a_statement_that_says_nothing_new_is_not_written(store):
    about = {"runs": ["a"], "config": {"sizes": (1, 2)}, "command": "first", "provenance": {"revision": "1"}}
    store.write_experiment("quick", "train", about)
    store.write_experiment("quick", "train", about | {"command": "again", "provenance": {"revision": "2"}})
    assert store.read_experiment("quick", "train")["command"] == "first"
    store.write_experiment("quick", "train", about | {"command": "again", "runs": ["a", "b"]})
    assert store.read_experiment("quick", "train")["command"] == "again"
    path = store.folder / "experiments" / "quick" / "train.json"
    path.write_text("{")  # damaged: it is written again, whatever it said
    store.write_experiment("quick", "train", about)
    assert store.read_experiment("quick", "train")["runs"] == ["a"]


@pytest.mark.parametrize("folder", ["plans", "experiments", "plans/quick", "experiments/quick"])
def test_where_no_statement_can_be_written_it_is_one_line(store, folder):
    (store.folder / folder).parent.mkdir(parents=True, exist_ok=True)
    (store.folder / folder).touch()
    write = store.write_plan if "plans" in folder else store.write_experiment
    with pytest.raises(InvalidInput, match="must be a folder that can be written to"):
        write("quick", "train", {"runs": []})


def test_a_results_folder_by_any_name_is_the_same(store, tmp_path):
    store.write(Config(), ROWS, FINISHED, {})
    (tmp_path / "link").symlink_to(store.folder)
    for name in (f"{store.folder}/", f"{store.folder}/../{store.folder.name}", tmp_path / "link"):
        other = Store(name)
        other.prepare()
        assert other.verified(Config()) is not None
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    with pytest.raises(InvalidInput, match="must be a folder that can be written to"):
        Store(tmp_path / "dangling").prepare()
