"""The experiments: one runnable module each, `python -m experiments.NAME`.

A module states what is varied, at which presets, and what is measured. Every module here whose name does
not begin with an underscore and that has `PRESETS` is an experiment: adding a file adds an experiment.
"""

import importlib
import pkgutil

from experiments._experiment import Experiment


def discover() -> dict[str, dict[str, Experiment]]:
    """Every experiment's presets by module name."""
    found = {}
    for info in pkgutil.iter_modules(__path__):
        if not info.name.startswith("_"):
            module = importlib.import_module(f"experiments.{info.name}")
            if hasattr(module, "PRESETS"):
                found[info.name] = module.PRESETS
    return found
