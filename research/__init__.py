"""The library: what a run is, how it trains, what is measured on it, and how it is stored.

- `data`        images on the host: a file for each source, nested class-balanced subsets
- `family`      what a family is: alternatives of one kind, each a frozen dataclass in a file of its own
- `models`      networks, in Flax NNX
- `optimizers`  update rules
- `averaging`   averages of the weights
- `gradients`   how an update's gradient is made of its passes
- `losses`      what is minimised
- `augmentations`  random changes of the images
- `orders`      which images an epoch visits, and when
- `metrics`     what is recorded of an epoch's steps
- `training`    config, batches, schedules, one step, one epoch, the compiled program
- `measures`    a file for each measurement on a frozen state, and the operators they share
- `sweeps`      missing runs, leases, resuming, Slurm, several hosts
- `records`     store, identity, checkpoints, provenance
- `kernels`     convolutions and sums that a CPU does at its own speed
- `errors`      `InvalidInput`: one line for the user

Nothing here draws, parses a command line, or imports `experiments` or `analysis`.
"""

from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)
