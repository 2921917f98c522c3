"""The library: what a run is, how it trains, what is measured on it, and how it is stored.

- `data`        images on the host: a file for each source, nested class-balanced subsets
- `models`      networks, in Flax NNX
- `training`    config, batches, schedules, one step, one epoch, the compiled program
- `measures`    a file for each measurement on a frozen state, and the operators they share
- `sweeps`      missing runs, leases, resuming, Slurm, several hosts
- `records`     store, identity, checkpoints, provenance
- `kernels`     convolutions and sums that a CPU does at its own speed
- `errors`      `InvalidInput`: one line for the user

Nothing here draws, parses a command line, or imports `experiments` or `analysis`.
"""

import pkgutil

__path__ = pkgutil.extend_path(__path__, __name__)
