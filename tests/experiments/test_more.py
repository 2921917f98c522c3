import json
import shutil
from pathlib import Path

import pytest

from experiments import discover, more
from research.errors import InvalidInput
from research.records.identity import canonical

FOUND = discover()


@pytest.fixture
def folder(tmp_path) -> Path:
    """Of a label whose sweep was run with other factors, on other data, with three seeds."""
    place = tmp_path / "figures" / "mine"
    place.mkdir(parents=True)
    config = json.loads(json.dumps(canonical(FOUND["lr_sweep"]["quick"])))
    config |= {"factors": [0.5, 2], "seeds": 3}
    config["base"]["data"] |= {"name": "my data.npz", "train_size": 999}
    (place / "lr_sweep.parquet").write_bytes(b"")
    (place / "lr_sweep.json").write_text(json.dumps({"preset": "quick", "config": config}))
    return place


def want(folder: Path, *rows: tuple[list[str], int | None]) -> None:
    content = [{"needs": needs, "seeds_needed": seeds} for needs, seeds in rows]
    (folder / "claims.json").write_text(json.dumps(content))


def chosen(folder: Path, *words: str):
    return more.choose(["--label", "mine", "--results", str(folder.parents[1]), *words])


def test_open_claims_want_the_seeds_of_the_one_that_wants_most(folder):
    want(folder, (["lr_sweep"], 5), (["lr_sweep"], 9), (["train"], None))
    experiments, options = chosen(folder)
    assert set(experiments) == {"lr_sweep"}
    assert experiments["lr_sweep"].seeds == 9
    assert (options.preset, options.label) == ("quick", "mine")


def test_everything_but_the_seeds_is_as_it_was_run(folder):
    experiments, _ = chosen(folder, "--only", "lr_sweep", "--seeds", "7")
    sweep = experiments["lr_sweep"]
    assert sweep.factors == (0.5, 2.0)  # type: ignore[attr-defined]
    assert (sweep.base.data.name, sweep.base.data.train_size, sweep.seeds) == ("my data.npz", 999, 7)


def test_images_that_have_moved_are_named_anew(folder):
    _, options = chosen(folder, "--only", "lr_sweep", "--data", "elsewhere/my data.npz")
    assert options.data == "elsewhere/my data.npz"


def test_an_experiment_that_is_lacking_is_run_on_the_same_images(folder):
    experiments, _ = chosen(folder, "--only", "forgetting")
    usual, forgetting = FOUND["forgetting"]["quick"], experiments["forgetting"]
    assert forgetting.base.data.name == "my data.npz"
    assert forgetting.seeds == usual.seeds
    assert forgetting.base.schedule == usual.base.schedule != FOUND["lr_sweep"]["quick"].base.schedule


def test_a_confirmation_gets_no_more_seeds_for_its_open_claims(folder):
    want(folder, (["lr_sweep"], 5))
    about = json.loads((folder / "lr_sweep.json").read_text())
    about["config"]["base"]["seed"] = 100
    (folder / "lr_sweep.json").write_text(json.dumps(about))
    refused(folder, "label is 'mine': confirms: how many seeds it has was fixed beforehand")
    experiments, _ = chosen(folder, "--only", "forgetting")  # what it lacks is run
    assert set(experiments) == {"forgetting"}


def refused(folder: Path, message: str, *words: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        chosen(folder, *words)


def test_mistakes_are_one_line(folder):
    refused(folder, "label is 'mine': no open claim of it would be settled by more seeds")
    refused(folder, "only is 'nothing': must be among", "--only", "nothing")
    (folder / "claims.json").write_text("{")
    refused(folder, r"label is 'mine': .*claims\.json cannot be read; python -m analysis\.report")
    shutil.copy(folder / "lr_sweep.parquet", folder / "train.parquet")
    refused(folder, r"label is 'mine': .*train\.json cannot be read")
    shutil.rmtree(folder)
    refused(folder, r"label is 'mine': .*has no records; python -m analysis\.all collects them")
    with pytest.raises(InvalidInput, match="label is None: must name the result"):
        more.choose([])
