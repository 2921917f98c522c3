"""The library: what a run is, how it trains, how it is replayed and how it is stored.

One room per idea, each with one obvious entry point:

- `config`       a run is a value: `RunConfig`, checked when it is made
- `data`         `load(DataConfig) -> Dataset`: images on the host, nested class-balanced subsets
- `batches`      a batch is a pure function of (seed, step)
- `models`       `build(ModelConfig, ...)`: the article's ResNet and LeNet-5, in Flax NNX
- `kernels`      convolutions and sums that a CPU does at its own speed
- `schedules`    learning rates against epoch: piecewise linear, and Caffe's policies
- `training`     one pure step; an epoch of any number of runs in one compiled program
- `placement`    which device trains which run
- `sweeps`       `sweep(runs, ...)`: trains what is missing, spread over the devices
- `claims`       who is training what: atomic files with a heartbeat (no jax)
- `launch`       job arrays on Slurm, through submitit
- `hosts`        several processes that train one run together
- `measurements` what is measured on finished runs, each with a record of its own
- `forgetting`   `Replay`: a frozen model on the batches it was trained on
- `curvature`    Hessian and Gauss-Newton products, eigenvalues, density, trace, stability thresholds
- `sharpness`    `Sharpness`: the curvature of a run's loss at moments of its training
- `budget`       `StepBudget`: what one step gains, what curvature takes of it, what is forgotten
- `throughput`   `Throughput`: seconds and memory of a step
- `noise`        how much the gradients of batches scatter; noise scales
- `checkpoints`  frozen models and unfinished runs on disk, through Orbax
- `records`      finished work on disk: Parquet and JSON, one atomic rename each (no jax)
- `disk`         atomic names, checksums, what is damaged set aside, full disks (no jax)
- `writers`      which process wrote a file, and whether it is alive
- `provenance`   command, code, versions and machine behind a record
- `errors`       `InvalidInput`: one line for the user

Nothing here draws, parses a command line, or imports `experiments` or `analysis`.
"""
