# Two commands set everything up: `make reproduce` and `make test`. They need python3 (3.11 or newer), make and
# a network to the package index.
#
#   make reproduce                                  the paper in miniature, on synthetic images, into results/
#   make reproduce PRESET=paper DATA=cifar10.npz    the article's sizes, on real ones
#   make reproduce PRESET=desk DATA=cifar10.npz     ... with a network that two cores carry, in hours
#   make reproduce SEEDS=8 SEEDS_FROM=100           other seeds than the presets were chosen on (docs/claims.md)
#   make reproduce LIMIT=1                          the whole battery: what limits the learning rate (docs/limit.md)
#   make reproduce MEASURES=1                       noise, memory, events, interventions, edge (docs/measures.md)
#   make reproduce BATCH=1                          the batch-size studies (docs/batch_size.md)
#   make publish LABEL=quick                        put a result of yours among the published ones, paper_figures/
#   make figures                                    redraw what is published, from its own records
#   make docs                                       pages of the docstrings, in site/
#   make test-slow                                  what CI runs besides `make test`: a user's way, at length
#   make test-browser                               the report in a headless Chromium, if it is installed
#   make test-qemu                                  our kernels on an emulated ARM processor; needs Debian's qemu-user,
#                                                   gcc-aarch64-linux-gnu and libc6-dev-arm64-cross
#   make test-smoke                                 the groups measures and batch at their smallest size: minutes
#   make test-claims                                each claim in 400 simulated worlds of each kind: minutes
#   make test-faults                                sweeps killed, starved and damaged: minutes
#   make test-slurm                                 a Slurm of one node, installed and started here; for root, on Debian
#   make bench                                      speed, here and in PyTorch, as ratios (docs/speed.md)
#   make bench ARGS="--quick"                       ... with other options: python -m benchmarks --help
#   make lock                                       bring both requirements.txt up to pyproject.toml; UPGRADE=--upgrade: and renew

PYTHON ?= python3
PRESET ?= quick
DATA ?=
RESULTS ?= results
SEEDS ?=
SEEDS_FROM ?=
LABEL ?=
LIMIT ?=
MEASURES ?=
BATCH ?=
ARGS ?=
UPGRADE ?=
VENV := .venv
BIN := $(VENV)/bin
EXPERIMENTS = $(BIN)/python -m experiments.all --preset $(PRESET) --results "$(RESULTS)" $(if $(DATA),--data "$(DATA)") \
	$(if $(SEEDS),--seeds $(SEEDS)) $(if $(SEEDS_FROM),--seeds-from $(SEEDS_FROM))

.PHONY: reproduce test test-slow test-browser test-qemu test-smoke test-claims test-faults test-slurm check publish figures docs bench lock clean
.DELETE_ON_ERROR:

reproduce: $(VENV)/installed
	$(EXPERIMENTS) --group article $(if $(LIMIT),limit) $(if $(MEASURES),measures) $(if $(BATCH),batch)
	$(EXPERIMENTS) --only batch_ladder signature annealing
	@drawn=0; $(BIN)/python -m analysis.all --results "$(RESULTS)" || drawn=$$?; \
	$(BIN)/python -m analysis.report --results "$(RESULTS)" && exit $$drawn

test: check
	$(BIN)/python -m pytest -n 2 --dist worksteal

test-slow: $(VENV)/installed
	$(BIN)/python -m pytest -n 2 -m "slow and not smoke"

test-browser: $(VENV)/installed
	$(BIN)/python -m pytest -m browser

test-qemu: $(VENV)/installed
	$(BIN)/python -m pytest -m qemu

test-smoke: $(VENV)/installed
	$(BIN)/python -m pytest -n 2 --dist loadscope -m smoke

test-claims: $(VENV)/installed
	$(BIN)/python -m pytest -n 2 -m simulation

test-faults: $(VENV)/installed
	$(BIN)/python -m tests.faults

test-slurm: $(VENV)/installed
	$(BIN)/python -m pytest -m slurm

check: $(VENV)/installed
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/basedpyright

publish: $(VENV)/installed
	$(BIN)/python -m analysis.publish --label "$(LABEL)" --results "$(RESULTS)"

figures: $(VENV)/installed
	$(BIN)/python -m analysis.results --redraw

docs: $(VENV)/installed
	rm -rf site
	$(BIN)/python -m pdoc --output-directory site commandline research experiments analysis

# PyTorch is needed for nothing else: it has an environment of its own.
bench: .venv-bench/installed
	.venv-bench/bin/python -m benchmarks $(ARGS)

$(VENV)/installed: requirements.txt
.venv-bench/installed: benchmarks/requirements.txt
$(VENV)/installed .venv-bench/installed:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	touch $@

# The benchmarks are run on the very versions that the rest is tested with.
lock: $(VENV)/installed
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --extra dev \
		--python-version 3.11 $(UPGRADE) pyproject.toml -o requirements.txt
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --extra bench \
		--python-version 3.11 $(UPGRADE) --constraint requirements.txt pyproject.toml -o benchmarks/requirements.txt

clean:
	rm -rf $(VENV) .venv-bench .pytest_cache .ruff_cache site
