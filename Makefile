# Two commands matter: `make serve` and `make test`. Both set up what they need first.

PYTHON ?= python3.11
# What pip is asked for as torch; "torch==2.13.0+cpu" with PIP_EXTRA_INDEX_URL or PIP_FIND_LINKS picks a CPU build.
TORCH ?= torch==2.13.0
OTEL   := opentelemetry-sdk opentelemetry-exporter-otlp-proto-http
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help install install-dev install-otel clients ray serve test test-browser test-conformance test-fault fuzz soak test-ray lint bench docs lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/.installed ## create .venv with all that serving needs

install-dev: $(VENV)/.installed-dev ## the same, with the tools for tests and lint

$(VENV)/bin/python:
	@echo "==> creating $(VENV) with $(PYTHON)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python requirements.lock pyproject.toml
	@echo "==> installing the pinned packages of requirements.lock"
	@$(PIP) install --quiet "$(TORCH)" --constraint requirements.lock
	@$(PIP) install --quiet --no-deps --requirement requirements.lock
	@$(PIP) install --quiet --no-deps --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed requirements-dev.lock
	@echo "==> installing the pinned packages of requirements-dev.lock"
	@$(PIP) install --quiet --no-deps --requirement requirements-dev.lock
	@touch $@

install-otel: install ## the same, with what sends traces (docs/observability.md)
	@$(PIP) install --quiet $(OTEL) --constraint requirements.lock

serve: install ## serve the model store at 127.0.0.1:8000 (makes the demo store when it is empty)
	@echo "==> serving ./store at http://127.0.0.1:8000 (Ctrl-C stops it)"
	@$(BIN)/vitrine serve --store store --demo

clients: build/clients/.installed ## install the clients that tests/conformance tries, in an environment of their own

build/clients/.installed: tests/conformance/clients.lock
	@echo "==> installing tritonclient and kserve in build/clients"
	@$(PYTHON) -m venv build/clients
	@build/clients/bin/python -m pip --disable-pip-version-check install --no-deps --quiet --requirement $<
	@touch $@

ray: build/ray/.installed ## install the service with Ray Serve (docs/scale.md), in an environment of its own

build/ray/.installed: deploy/ray/requirements.lock pyproject.toml
	@echo "==> installing the service and Ray Serve in build/ray"
	@$(PYTHON) -m venv build/ray
	@build/ray/bin/python -m pip --disable-pip-version-check install --constraint $< --quiet "$(TORCH)"
	@build/ray/bin/python -m pip --disable-pip-version-check install --no-deps --quiet --requirement $<
	@build/ray/bin/python -m pip --disable-pip-version-check install --no-deps --quiet --editable .
	@touch $@

test: install-dev clients ## run the tests
	@echo "==> running the tests, on all cores"
	@$(BIN)/python -m pytest --numprocesses logical --dist loadfile -m "not (alone or long)"
	@echo "==> running those that want the machine to themselves"
	@$(BIN)/python -m pytest -m "alone and not long"

test-browser: install-dev ## the playground in a real browser (needs chromium)
	@echo "==> opening the playground"
	@$(BIN)/python -m pytest tests/browser -m browser

test-conformance: install-dev clients ## other people's clients, the originals' requests, and many requests made from the OpenAPI document
	@echo "==> asking as others ask"
	@$(BIN)/python -m pytest tests/conformance tests/service/test_openapi.py -m "conformance or service"

test-fault: install-dev ## the tests that cause faults, the long ones too (minutes)
	@echo "==> causing faults"
	@$(BIN)/python -m pytest tests/fault -m fault

fuzz: install-dev ## a coverage-guided fuzzer for FUZZ_SECONDS (600) on the parsers and featurizers
	@echo "==> looking for what breaks them"
	@FUZZ_SECONDS=$${FUZZ_SECONDS:-600} $(BIN)/python -m pytest tests/fault/test_fuzzing.py

soak: install-dev ## mixed traffic for SOAK_MINUTES (30): nothing may grow, no answer may change
	@echo "==> everything at once"
	@SOAK_MINUTES=$${SOAK_MINUTES:-30} $(BIN)/python -m pytest tests/fault/test_soak.py -m fault -s

test-ray: install-dev ray ## a Ray cluster of two network namespaces: more replicas, a lost node, labels on both (minutes; needs root)
	@echo "==> starting two nodes"
	@$(BIN)/python -m pytest tests/ray -m ray

lint: install-dev ## ruff (lint and format) and mypy
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

# Of benchmarks/README.md: peers are installed from PyPI under build/peers, so none is asked for unless named (or "all").
MODELS ?= minilm tiny lstm record pair allennlp
PEERS  ?=

bench: install ## the service, the bare model and plain FastAPI; PEERS="litserve mosec" installs and measures those too
	@TORCH="$(TORCH)" $(BIN)/python -m benchmarks.run $(MODELS) --peers $(PEERS)
	@$(BIN)/python -m benchmarks.report

docs: install-dev ## write the pages that are made from the code, and the site into build/site
	@$(BIN)/python -m app.settings_page > docs/settings.md
	@$(BIN)/python -m app.api_page > docs/api.md
	@$(BIN)/mkdocs build --quiet --strict

lock: ## resolve pyproject.toml into the two lock files (needs uv)
	@uv pip compile --quiet pyproject.toml --python-version 3.11 --no-annotate --no-header \
	    --no-emit-package pytest --no-emit-package pluggy --no-emit-package iniconfig \
	    --no-emit-package protobuf -o requirements.lock
	@uv pip compile --quiet pyproject.toml --group dev --python-version 3.11 --no-annotate --no-header \
	    -o requirements-dev.lock
	@uv pip compile --quiet pyproject.toml --extra ray --python-version 3.11 --no-annotate --no-header \
	    --no-emit-package pytest --no-emit-package pluggy --no-emit-package iniconfig \
	    -o deploy/ray/requirements.lock
	@uv pip compile --quiet --no-config tests/conformance/clients.in --python-version 3.11 --no-annotate --no-header \
	    -o tests/conformance/clients.lock

clean: ## remove the virtual environment and caches (the store stays)
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache build *.egg-info
