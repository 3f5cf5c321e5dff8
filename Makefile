# What developers and CI run. Every target is one command; `make` alone lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

PYTHON := .venv/bin/python
PYTEST := $(PYTHON) -m pytest
# A third of the lab's time is waiting: three tests at once, each worker with hosts of its own.
SIDE_BY_SIDE := --numprocesses=3 --dist=worksteal
# Virtual machines take minutes, and an emulator that nothing else needs.
NO_MACHINES := --ignore=tests/vm
# Shell scripts, told by their name or their first line.
SCRIPTS = $(shell git ls-files --cached --others --exclude-standard | while read -r file; do \
	    [ -f "$$file" ] && head -c 64 "$$file" | head -n 1 | grep -aqE '^\#!.*\b(ba)?sh\b' && echo "$$file"; \
	  done)

.PHONY: help
help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

.PHONY: setup
setup:  ## install what development needs, and make .venv; quick when it is there
	@tests/setup.sh

.PHONY: lint
lint: setup  ## check style, types, imports and shell scripts
	@.venv/bin/ruff check --quiet
	@.venv/bin/ruff format --check --quiet
	@.venv/bin/mypy --no-error-summary
	@said=$$(.venv/bin/lint-imports --no-logo) || { echo "$$said"; exit 1; }
	@said=$$($(PYTEST) -q tests/unit/house) || { echo "$$said"; exit 1; }
	@shellcheck $(SCRIPTS)

# The main job on one kind of host takes a fraction of what all the rest of the lab takes.
REST := safety package hosts endpoints
ifeq ($(CI)$(ALL)$(ARGS),)
CHOSEN := -m "not other_kind" $(REST:%=--deselect=tests/lab/%)
endif

.PHONY: test
test: setup lint  ## lint, all tests without hosts, and the main job on one; `ALL=1` adds the rest, as CI does
	@$(PYTEST) $(NO_MACHINES) $(SIDE_BY_SIDE) $(CHOSEN) $(ARGS)

.PHONY: unit
unit: setup  ## run the tests that need no test host
	@$(PYTEST) $(NO_MACHINES) -m "not lab" $(ARGS)

.PHONY: lab
lab: setup  ## run the tests that boot test hosts (needs root)
	@$(PYTEST) $(SIDE_BY_SIDE) -m lab $(ARGS)

SOAKED := tests/lab/safety/test_random_kills.py tests/lab/safety/test_app_kills.py \
    tests/lab/hosts/test_catalog_apps.py

.PHONY: soak
soak: setup  ## kill updates and what becomes of apps at 400 random instants, and try the whole catalog (needs root)
	@BEACON_SOAK_PODMAN=200 BEACON_SOAK_DOCKER=100 BEACON_SOAK_APPS=100 $(PYTEST) $(SOAKED) $(ARGS)

.PHONY: fuzz
fuzz: setup  ## run the fuzzers for 20 minutes each
	@tests/fuzz.sh 20 $(PYTEST) $(ARGS)

.PHONY: vm
vm: setup  ## run the tests of limits, power cuts and Debian 12's users, in virtual machines (needs root)
	@tests/apt.sh debian-archive-keyring e2fsprogs kmod qemu-system-x86
	@$(PYTEST) tests/vm $(ARGS)

.PHONY: host
host: setup  ## boot a test host with Beacon on it, and give a shell there
	@$(PYTHON) -m tests.lab

.PHONY: deb
deb:  ## build the Debian package in build/deb
	@package=$$(packaging/build-deb.sh) && echo "$$package" && \
	    echo "On Debian 13:  sudo apt install ./$${package#"$$PWD/"}"

.PHONY: demo
demo: setup  ## show Beacon at work on a test host
	@$(PYTHON) -m tests.demo

.PHONY: screens
screens: setup  ## draw the pictures of docs/household.md anew, on a test host
	@BEACON_SCREENS=1 $(PYTEST) tests/lab/hosts/test_household.py $(ARGS)

.PHONY: bench
bench: setup  ## measure Beacon on a test host; `make bench ARGS="check"` measures one thing
	@$(PYTHON) -m tests.bench $(ARGS)

.PHONY: clean
clean:  ## remove what was built; .venv and the cached root of the test hosts stay
	@rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -path ./.venv -prune -o -name __pycache__ -type d -exec rm -rf {} +
