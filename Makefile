# Each target does its own set-up: a bare machine needs Python 3.11 or newer (with venv) and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: orbits sky demo picture figures screenshot docs test test-all test-docker check bench bench-peers setup clean
.DEFAULT_GOAL := help

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; assert (3, 11) <= sys.version_info[:2] <= (3, 13), "Lightlag needs Python 3.11 to 3.13 (make PYTHON=python3.12 ...)"'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	$(BIN)/python -m emulator.compile_ahead
	@touch $@

setup: $(VENV)/installed  ## make .venv with everything in it

demo: $(VENV)/installed  ## a month of the Moonbase Alpha network: latency table and report
	MALLOC_ARENA_MAX=1 POLARS_MAX_THREADS=1 $(BIN)/lightlag run scenarios/moonbase-alpha.toml --out runs/moonbase-alpha

picture: demo  ## draw the README's picture anew from the demo's run
	$(BIN)/lightlag report runs/moonbase-alpha --picture docs/moonbase-alpha.svg

screenshot: demo  ## draw the README's picture of the dashboard anew (needs Debian's chromium)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[browser]'
	$(BIN)/python tests/emulator/dashboard_browser.py runs/moonbase-alpha docs/dashboard.png "2d 19h 4min"

docs: $(VENV)/installed  ## the documentation, to build/docs/index.html
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	$(BIN)/sphinx-build -W --keep-going -q -b html docs build/docs
	@echo build/docs/index.html

figures: $(VENV)/installed  ## draw the documentation's figures anew, from three days of Moonbase Alpha
	$(BIN)/python docs/figures.py docs/figures

sky: $(VENV)/installed  ## docs/how-right-is-the-sky.md, measured anew (needs spiceypy, five minutes)
	$(BIN)/python -m tests.sky_differences

orbits: $(VENV)/installed  ## the files of scenarios/orbits, made again
	$(BIN)/python -m topology.orbit_files scenarios/orbits

test: $(VENV)/installed  ## the tests, under three minutes
	$(BIN)/python -m pytest -n 2

test-compiled: $(VENV)/installed  ## the tests on the compiled modules (docs/adr/0008)
	$(BIN)/python -m emulator.compile_ahead
	LIGHTLAG_COMPILED=1 $(BIN)/python -m pytest -n 2

# Of the slow tests those that are quick, and steady on a machine with other work.
STEADY := tests/dtn/test_codec_second_opinions.py tests/nodes/test_second_opinions.py tests/emulator/test_capture.py \
	tests/emulator/test_compose.py tests/emulator/test_kubernetes.py tests/emulator/test_image.py tests/emulator/test_dashboard_browser.py tests/topology/test_spice.py

test-steady: $(VENV)/installed  ## second opinions: tshark, cbor2, SPICE, a browser; skipped where there is none
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[browser,manifests]' || true
	$(BIN)/python -m pytest -n 2 -m 'slow and not realtime' $(STEADY)

test-all: $(VENV)/installed  ## the slow ones too
	$(BIN)/python -m pytest -n 2 -m ''

fuzz: $(VENV)/installed  ## more than a million mutated bundles, segments and streams
	$(BIN)/python -m pytest -n 2 -m slow -k mutated tests/dtn

conformance: $(VENV)/installed  ## docs/conformance.md from the tests' row markers
	$(BIN)/python -m tests.conformance

# The constellation alone: DOCKER_TESTS=tests/docker/test_docker.py
DOCKER_TESTS ?= tests/docker

test-docker: $(VENV)/installed  ## the constellation in docker; makes the base images where there is no registry
	.ci/base-image
	$(BIN)/python -m pytest $(DOCKER_TESTS) -m docker -o faulthandler_timeout=1200

check: $(VENV)/installed  ## ruff, mypy --strict, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/installed  ## how fast it is, here
	$(BIN)/python -m pytest benchmarks -m '' --benchmark-only

bench-peers: $(VENV)/installed  ## ours beside aiodtnsim and pydtnsim on the common scenario, searches beside theirs, five minutes
	$(BIN)/python benchmarks/compare_peers.py
	$(BIN)/python benchmarks/compare_searches.py

clean:  ## remove what was made
	rm -rf $(VENV) runs build docs/generated *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache .benchmarks
