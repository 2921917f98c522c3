"""The speed of the same work here and in PyTorch, as ratios from one run: `python -m benchmarks`.

One file per benchmark, each with a function `measure(plan) -> list[Row]`. Its second argument, `ceilings`, is
of those that compare with the least time possible, `WITH_PYTORCH = True` of those that compare with PyTorch;
ceilings are measured and parity is checked where one chosen needs it:

- `parity`      the same losses from the same weights and batches; no time is taken before it holds
- `throughput`  images trained on per second
- `cores`       one run on all cores, against one core and against PyTorch
- `kernels`     what our own kernels gain on a CPU
- `sweep`       a small learning-rate sweep, from the command to the last record; first and cached
- `starts`      seconds that a command takes to begin
- `replay`      images re-evaluated per second, against training
- `curvature`   a Hessian-vector product against a gradient; what sharpness and the step budget cost
- `growth`      cost against the number of runs, the subset's size and the batch size
- `against`     training, replay and sweep of another checkout of this project (`--against`)

`memory`, a command of its own, says what training needs on an accelerator (`docs/scale.md`).

`_harness` runs both sides alternately, each in processes of its own; `_ours` and `_torch` are the two sides;
`_limit` counts the floor from operations and bytes, `_machine` measures the ceilings; `_table` prints.
`docs/speed.md` says what the rows mean.
"""
