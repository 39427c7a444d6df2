# The one front door. `make` lists the targets; each sets up what it needs.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready

.PHONY: help setup fmt lint types layers docs test test-gpu-loader test-gpu-wheel bench soak demo check wheel vulkan intel-wheel clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## Make .venv with lineside, its tests' and its documentation's packages

$(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@

fmt: $(STAMP) ## Format the code
	$(BIN)/ruff format src tests benchmarks tools docs
	$(BIN)/ruff check --fix src tests benchmarks tools docs

lint: $(STAMP) ## Check the style
	$(BIN)/ruff format --check src tests benchmarks tools docs
	$(BIN)/ruff check src tests benchmarks tools docs

types: $(STAMP) ## Check the types
	$(BIN)/mypy

layers: $(STAMP) ## Check which room imports which
	$(BIN)/lint-imports

docs: $(STAMP) ## Build the documentation, warnings are errors
	$(BIN)/sphinx-build -q -W --keep-going -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

# A process a core. Each begins with a stretch of the list, so that what a file makes once is made once, and takes over from the
# others when it is done. WORKERS=0 runs them one after the other in one process.
WORKERS ?= auto
test: $(STAMP) ## Pass the tests, on all cores, or on WORKERS=1
	$(BIN)/pytest --numprocesses=$(WORKERS) --maxprocesses=8 --dist=worksteal --durations=25 --durations-min=5

# Environments of their own: the wheel for NVIDIA's cards owns the same files as the one in .venv.
test-gpu-loader: ## Try the wheel for NVIDIA's cards without its libraries: 255 MB, no card needed
	$(PYTHON) -m venv .venv-gpu-loader
	.venv-gpu-loader/bin/python -m pip install --quiet --editable . onnxruntime-gpu==1.31.1 hypothesis pytest pytest-timeout
	.venv-gpu-loader/bin/python -m pytest tests/gpu_wheel

test-gpu-wheel: ## The same with its libraries and a stand-in driver: 2.7 GB, gcc, no card needed
	$(PYTHON) -m venv .venv-gpu-wheel
	.venv-gpu-wheel/bin/python -m pip install --quiet --editable '.[cuda]' hypothesis pytest pytest-timeout
	.venv-gpu-wheel/bin/python -m pytest tests/gpu_wheel

bench: $(STAMP) ## Measure, against the floor and the rivals that are installed
	$(BIN)/python benchmarks/run.py

SECONDS ?= 1800
soak: $(STAMP) ## Watch a whole line at speed for 30 minutes, or SECONDS=60: does it grow, is each part answered once
	$(BIN)/python benchmarks/soak.py --seconds $(SECONDS)

demo: $(STAMP) ## Run the main job on something that needs no download
	$(BIN)/lineside demo

check: lint types layers docs ## All the checks but the tests

wheel: $(STAMP) ## Build the wheel into dist/
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .

vulkan: ## Fetch a software Vulkan driver into .vulkan, for the tests of WebGPU: then . .vulkan/env.sh
	tools/software_vulkan.sh

INTEL := .venv-intel
intel-wheel: ## Prove what is said of Intel's onnxruntime wheel, in an environment of its own
	$(PYTHON) -m venv $(INTEL)
	$(INTEL)/bin/python -m pip install --quiet onnxruntime-openvino==1.24.1 hypothesis pytest pytest-timeout --editable .
	$(INTEL)/bin/pytest tests/integration/test_intel_wheel.py

clean: ## Remove what the targets made
	rm -rf $(VENV) $(INTEL) .venv-gpu-loader .venv-gpu-wheel .vulkan dist build docs/_build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
