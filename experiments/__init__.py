"""The experiments: one runnable module each, `python -m experiments.NAME`.

A module states what is varied, at which presets, and what is measured. Every module here whose name does
not begin with an underscore and that has `PRESETS` is an experiment: adding a file adds an experiment. A
module may name a `GROUP` that it belongs to; without one it is part of the paper.
"""

import importlib
import pkgutil
from types import ModuleType

from experiments._experiment import Experiment

PAPER_GROUP = "paper"


def discover(group: str | None = None) -> dict[str, dict[str, Experiment]]:
    """Every experiment's presets by module name; or those of one group."""
    return {name: module.PRESETS for name, module in _modules().items() if group in (None, _group(module))}


def groups() -> list[str]:
    """The groups that there are."""
    return sorted({_group(module) for module in _modules().values()})


def _group(module: ModuleType) -> str:
    return getattr(module, "GROUP", PAPER_GROUP)


def _modules() -> dict[str, ModuleType]:
    found = {}
    for info in pkgutil.iter_modules(__path__):
        if not info.name.startswith("_"):
            module = importlib.import_module(f"experiments.{info.name}")
            if hasattr(module, "PRESETS"):
                found[info.name] = module
    return found
