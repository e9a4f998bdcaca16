# Everything a newcomer, a developer and CI run. `make help` lists it; nothing here touches the system but
# `make packages`, which asks apt for what the tests drive.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:
# Every process of the tests would compile the program anew.
unexport PYTHONDONTWRITEBYTECODE

VENV := .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/.made
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
WORKERS ?= 3
CAMERAS ?= 4
LISTEN ?= 127.0.0.1:8080
PYTEST ?=
BENCH ?=
UI_SOURCES := $(shell find web/ui hatch_build.py -name node_modules -prune -o -type f -print 2>/dev/null)

.PHONY: help demo setup packages ui check static test test-long bench pictures lock clean

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z%-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

demo: ui ## set everything up, record four demo cameras, print the address and a sign-in code
	@exec $(BIN)/vms --data vms-demo-data demo --cameras $(CAMERAS) --listen $(LISTEN)

setup: $(STAMPS)/development ui packages ## virtual environment, web interface, Debian packages: all that development needs

packages: ## Debian packages that the tests drive (Chromium, PostgreSQL, a third-party camera server, ffprobe, gcc)
	@deploy/debian-test-packages.sh

ui: web/static/manifest.json $(STAMPS)/package ## what it runs on and the web interface, built again when its sources changed

static: $(STAMPS)/development ui ## ruff, mypy and the import contracts
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

check: static ## static checks and the tests that take a moment
	$(BIN)/pytest -n $(WORKERS) --dist loadfile -m "not slow and not long" $(PYTEST)

test: setup static ## everything that stands before a change: static checks and every test but the long ones
	$(BIN)/pytest -n $(WORKERS) --dist loadfile -m "not long" $(PYTEST)

test-long: setup ## the tests that take minutes: repeated kills under load, disks and indexes that do not answer
	$(BIN)/pytest -m long -o faulthandler_timeout=3600 $(PYTEST)

bench: setup ## every benchmark, one after the other; fails at the end when one missed a limit
	@missed=0; for script in tests/bench/bench_*.py; do name=$${script##*/bench_}; \
	  $(MAKE) --no-print-directory bench-$${name%.py} || missed=1; done; exit $$missed

bench-%: setup ## one benchmark, e.g. make bench-live: prints its table, writes bench/live.json
	@mkdir -p bench
	$(BIN)/python -m tests.bench.bench_$(subst -,_,$*) $(BENCH)

pictures: setup ## take the READMEs' pictures again, by the browser tests
	$(BIN)/pytest tests/browser $(PYTEST)
	@mkdir -p web/pictures && cp .cache/pictures/live.jpg .cache/pictures/playback.jpg web/pictures/

lock: ## resolve the dependencies of pyproject.toml again and write the lock files
	@deploy/lock.sh

clean: ## remove what make made; a data directory that holds a camera a person added stays
	@deploy/clean.sh

$(STAMPS)/venv:
	@deploy/make-venv.sh $(VENV)
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/runtime: requirements.lock requirements-build.lock | $(STAMPS)/venv
	@echo "Installing what Custodian runs on (one or two minutes the first time) …"
	@$(PIP) install --require-hashes -r requirements.lock -r requirements-build.lock
	@touch $@

$(STAMPS)/development: requirements-dev.lock | $(STAMPS)/venv
	@echo "Installing what development needs (one or two minutes the first time) …"
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $(STAMPS)/runtime $@

web/static/manifest.json: $(UI_SOURCES) $(STAMPS)/runtime
	@echo "Building the web interface …"
	@$(BIN)/python hatch_build.py && touch $@

$(STAMPS)/package: pyproject.toml $(STAMPS)/runtime
	@VMS_SKIP_UI=1 $(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@
