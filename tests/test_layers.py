"""Which packages know of which: no circle, and no arrow back up."""

import ast
from collections import defaultdict
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[1]


def modules():
    """Every module by name: its file."""
    paths = [path for top in ("research", "experiments", "analysis") for path in (ROOT / top).rglob("*.py")]
    found = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in paths}
    return {name.removesuffix(".__init__"): path for name, path in found.items()}


def imported(path):
    """What a module imports when it is imported itself: not for the type checker alone, not when called."""
    names = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def arrows(group):
    """By group of modules, the other groups that it imports."""
    known, found = modules(), defaultdict(set)
    for name, path in known.items():
        found[group(name)] |= {group(other) for other in imported(path) & set(known)} - {group(name)}
    return found


def package(name):
    return ".".join(name.split(".")[:2]) if name.startswith("research.") else name.split(".")[0]


def test_packages_are_in_layers():
    order = [*TopologicalSorter(arrows(package)).static_order()]  # raises where there is a circle
    assert order.index("research.errors") < order.index("research.family") < order.index("research.training")
    assert order.index("research.training") < order.index("research.measures") < order.index("experiments")


def test_modules_are_in_layers():
    assert len([*TopologicalSorter(arrows(str)).static_order()]) == len(modules())


def test_the_library_knows_nothing_of_experiments_and_analysis_reads_records_alone():
    found = arrows(package)
    assert not {"experiments", "analysis"} & set().union(
        *(other for name, other in found.items() if name.startswith("research"))
    )
    assert found["analysis"] <= {"research.errors", "research.records", "research.seeds"}


def test_a_family_knows_no_other():
    families = ("augmentations", "averaging", "gradients", "losses", "metrics", "optimizers", "orders")
    below = {"research.errors", "research.family", "research.scalars"}
    for family in families:
        assert arrows(package)[f"research.{family}"] <= below


def test_no_two_public_classes_share_a_name():
    """A re-export is an import, and defines nothing."""
    places = defaultdict(list)
    for name, path in modules().items():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(name)
    assert len(places) > 100  # it does see them
    assert {name: where for name, where in places.items() if len(where) > 1} == {}
