import json
from pathlib import Path

from research.records.provenance import provenance


def test_it_names_command_versions_and_hardware_but_no_place():
    facts = provenance()
    assert {"command", "revision", "python", "jax", "flax", "device", "processor"} <= set(facts)
    assert str(Path.home()) not in json.dumps(facts["revision"])
    assert "cpu" in facts["device"].lower()


def test_it_says_how_kernels_are_written_on_a_cpu():
    assert provenance()["kernel_lanes"] in (0, 4, 8, 16)
