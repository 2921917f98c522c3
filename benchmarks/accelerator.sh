#!/bin/sh
# What waits for a GPU, by its worth, in pieces of at most ten minutes (docs/scale.md):
#
#   sh benchmarks/accelerator.sh tests                        what needs a GPU to be tested, and what a GPU is given
#   sh benchmarks/accelerator.sh memory                       what training needs, planned for the device at hand
#   sh benchmarks/accelerator.sh bench throughput             a benchmark, beside PyTorch where it is installed
#   sh benchmarks/accelerator.sh train                        the article's 35 epochs at batch 512, five seeds
#   sh benchmarks/accelerator.sh lr_sweep                     ... or any experiment at the article's size
#   DATA=cifar10.npz RESULTS=results/h100 PYTHON=python3 sh benchmarks/accelerator.sh forgetting
#
# An experiment that is not done in time stops after the epoch under way, with exit status 124: the same command
# goes on from there. It has finished when it exits with 0.
set -eu

PYTHON=${PYTHON:-python3}
DATA=${DATA:-cifar10}
RESULTS=${RESULTS:-results}
SECONDS_EACH=${SECONDS_EACH:-540} # the rest of the ten minutes is for the last epoch, and for the records
piece=${1:?tests, memory, bench, or an experiment}
shift

"$PYTHON" -c 'import jax, sys; print(jax.devices()); sys.exit(jax.default_backend() == "cpu" and "there is no GPU")'
case $piece in
tests) # without the flag sums are in any order, and two runs are not the same bit for bit
    XLA_FLAGS="${XLA_FLAGS:-} --xla_gpu_deterministic_ops=true" \
        timeout "$SECONDS_EACH" "$PYTHON" -m pytest -q tests/accelerator "$@" ;;
memory) timeout "$SECONDS_EACH" "$PYTHON" -m benchmarks.memory ;;
bench) timeout "$SECONDS_EACH" "$PYTHON" -m benchmarks --only "${1:-throughput}" --save "gpu-${1:-throughput}" ;;
*) timeout "$SECONDS_EACH" "$PYTHON" -m "experiments.$piece" --preset paper --data "$DATA" --results "$RESULTS" "$@" ;;
esac
