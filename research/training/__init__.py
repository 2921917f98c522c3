"""How a run trains: what it is, which batches it sees, one step, one epoch, the compiled program.

- `config`      a run is a value: `RunConfig`, checked when it is made
- `batches`     a batch is a pure function of (seed, step)
- `schedules`   learning rates against epoch: piecewise linear, and Caffe's policies
- `epoch`       one pure step; an epoch of any number of runs in one compiled program
- `sharding`    which device trains which run

Nothing here knows of sweeps or of the disk.
"""
