"""Figures from records: one module each, `python -m analysis.NAME --label LABEL`.

Two steps, never mixed. Collecting copies an experiment's records into one Parquet file and its facts into a
JSON file beside it; drawing reads those two and nothing else, so a published figure is redrawn in seconds,
with no training and no JAX. Every module here whose name does not begin with an underscore and that has
`draw` is a figure: adding a file adds a figure.
"""

import importlib
import importlib.util
import os
import pkgutil
from pathlib import Path
from types import ModuleType

# Matplotlib reads both once, when it is imported, and cannot be imported where one is wrong. A notebook,
# which has a backend of its own, keeps its user's settings: for our figures `house_style` is enough.
if not os.environ.get("MPLBACKEND", "").startswith("module://"):
    os.environ["MPLBACKEND"] = "agg"
    if (found := importlib.util.find_spec("matplotlib")) and found.origin:
        os.environ["MATPLOTLIBRC"] = str(Path(found.origin).parent / "mpl-data" / "matplotlibrc")


def discover() -> dict[str, ModuleType]:
    """Every figure's module by name; its experiment has the same name."""
    found = {}
    for info in pkgutil.iter_modules(__path__):
        if not info.name.startswith("_"):
            module = importlib.import_module(f"analysis.{info.name}")
            if hasattr(module, "draw"):
                found[info.name] = module
    return found
