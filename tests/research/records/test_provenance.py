import json
import subprocess
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from research.records import provenance as provenance_module
from research.records.provenance import provenance


def test_a_revision_says_that_any_file_of_the_repository_differs_from_it(tmp_path):
    """Not only those beside the module that asks."""
    copy = tmp_path / "research" / "records" / "provenance.py"
    other = tmp_path / "experiments" / "train.py"
    for path, content in ((copy, Path(provenance_module.__file__).read_text()), (other, "")):
        path.parent.mkdir(parents=True)
        path.write_text(content)
    who = ("-c", "user.name=a", "-c", "user.email=a@b")
    for words in (("init", "-q"), ("add", "."), (*who, "commit", "-qm", "all")):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    spec = spec_from_file_location("copy_of_provenance", copy)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    assert not module.revision().endswith("+")
    other.write_text("changed = True")
    assert module.revision().endswith("+")


def test_it_names_command_versions_and_hardware_but_no_place():
    facts = provenance()
    assert {"command", "revision", "python", "jax", "flax", "device", "processor"} <= set(facts)
    assert str(Path.home()) not in json.dumps(facts["revision"])
    assert "cpu" in facts["device"].lower()


def test_it_says_how_kernels_are_written_on_a_cpu():
    assert provenance()["kernel_lanes"] in (0, 4, 8, 16)
