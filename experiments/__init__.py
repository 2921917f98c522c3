"""The experiments: one runnable module each, `python -m experiments.NAME`.

A module states what is varied, at which presets, and what is measured. Every module here whose name does
not begin with an underscore and that has `PRESETS` is an experiment: adding a file adds an experiment. A
module may name a `GROUP` that it belongs to; without one it is one of the article's.
"""

import importlib
import pkgutil
from types import ModuleType
from typing import TYPE_CHECKING

from commandline import require_jax

if TYPE_CHECKING:  # `experiments.status` asks for none of them
    from experiments._experiment import Experiment

require_jax()  # before a module here imports it

ARTICLE = "article"


def discover() -> "dict[str, dict[str, Experiment]]":
    """Every experiment's presets by module name."""
    return {name: module.PRESETS for name, module in _modules().items()}


def groups() -> list[str]:
    """The groups that there are."""
    return sorted({group_of(name) for name in _modules()})


def group_of(name: str) -> str:
    """The group that an experiment belongs to."""
    return getattr(_modules()[name], "GROUP", ARTICLE)


def _modules() -> dict[str, ModuleType]:
    found = {}
    for info in pkgutil.iter_modules(__path__):
        if not info.name.startswith("_"):
            module = importlib.import_module(f"experiments.{info.name}")
            if hasattr(module, "PRESETS"):
                found[info.name] = module
    return found
