import json
from pathlib import Path

import pytest

from analysis._manifest import read, stale, state
from research.errors import InvalidInput

FIGURES = Path(__file__).parents[2] / "paper_figures"


def published(folder: Path) -> Path:
    about = {"command": "python -m experiments.lr_sweep", "provenance": {"revision": "abc"}}
    (folder / "lr_sweep.json").write_text(json.dumps(about))
    (folder / "lr_sweep.parquet").write_bytes(b"records")
    (folder / "lr_sweep.png").write_bytes(b"figure")
    state(folder, "lr_sweep", [folder / "lr_sweep.png"])
    return folder


def test_a_figure_is_tied_to_its_records_command_and_revision(tmp_path):
    entry = read(published(tmp_path))["lr_sweep"]
    assert (entry["command"], entry["revision"]) == ("python -m experiments.lr_sweep", "abc")
    assert set(entry["records"]) == {"lr_sweep.parquet", "lr_sweep.json"}
    assert stale(tmp_path) == {}


def test_a_figure_whose_records_changed_is_stale(tmp_path):
    (published(tmp_path) / "lr_sweep.parquet").write_bytes(b"other records")
    assert stale(tmp_path) == {"lr_sweep": "lr_sweep.parquet changed since the figure was drawn"}


def test_a_figure_that_is_gone_is_stale(tmp_path):
    (published(tmp_path) / "lr_sweep.png").unlink()
    assert "lr_sweep.png" in stale(tmp_path)["lr_sweep"]


@pytest.mark.parametrize(
    "text", ['{"a', "[]", '{"lr_sweep": {}}', '{"lr_sweep": {"records": [], "files": {}}}']
)
def test_what_is_no_manifest_is_one_line(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(InvalidInput, match=r"^figures is .*manifest.json': is no manifest; delete it"):
        stale(tmp_path)


def test_a_folder_in_the_place_of_a_figure_is_no_figure(tmp_path):
    (published(tmp_path) / "lr_sweep.png").unlink()
    (tmp_path / "lr_sweep.png").mkdir()
    assert "lr_sweep.png" in stale(tmp_path)["lr_sweep"]


def test_no_published_figure_is_stale():
    for folder in FIGURES.iterdir():
        if folder.is_dir():
            assert set(read(folder)) >= {path.stem for path in folder.glob("*.png")}
            assert stale(folder) == {}, f"{folder.name}: make figures draws them again"
