"""Data sets as plain arrays on the host, in one nested, class-balanced order.

`load(DataConfig)` gives a `Dataset`. Where the images come from is decided by the name: each file in
`sources/` says which names or paths it takes.
"""

import pkgutil

__path__ = pkgutil.extend_path(__path__, __name__)

from research.data._arrays import Arrays, from_arrays
from research.data._config import DataConfig, Synthetic
from research.data._dataset import Dataset, fingerprint, load, read, select
from research.data._subsets import nested_order
from research.data.sources import PathSource, Source, source_of

__all__ = [
    "Arrays",
    "DataConfig",
    "Dataset",
    "PathSource",
    "Source",
    "Synthetic",
    "fingerprint",
    "from_arrays",
    "load",
    "nested_order",
    "read",
    "select",
    "source_of",
]
