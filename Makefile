# Member Points: the commands of daily work. `make` alone lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.ready
UV_VERSION := 0.13.9
AUDIT_VERSION := 2.10.1

# Processes that run tests side by side, more than two cores ask for, since many tests wait for
# servers. Each starts servers of its own, since some tests restart them, and files stay whole,
# since their tests share what a module's fixture has set up.
PROCESSES ?= 3
# tests/conftest.py says which come first; pytest-xdist would begin with those of many short tests.
PYTEST := $(BIN)/python -m pytest --numprocesses $(PROCESSES) --dist loadfile --no-loadscope-reorder

.PHONY: help setup run test test-fast test-controls test-operate test-image test-chart chaos coverage bench boards check \
	format generate keep-schemas sbom audit hooks lock image up down

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "test, test-fast, coverage and bench hand on ARGS and PROCESSES, for example:"
	@echo "  make test ARGS=tests/unit/rules/account/test_lots.py PROCESSES=0"
	@echo "  make test ARGS='-k redrive -m \"not slow\"'"
	@echo "  make bench ARGS='--only a'"

setup: $(STAMP) ## make .venv with everything pinned, unless it is up to date

# The stamp is older than the lock or the project file exactly when something has to be installed.
$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed, this is " + sys.version.split()[0] + "; name another one: make setup PYTHON=python3.12")'
	@echo "setup: installing the pinned packages into .venv (a minute or two the first time)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
	@echo "setup: ready, $(BIN)/points is the command"

run: setup ## run the engine on sample events
	@$(BIN)/points demo

# What operators get has tests of its own, since they need more than our own servers.
OPERATORS := tests/operate tests/image tests/chart
# What is lost without a guard is shown apart: it is about the guard, and takes long.
APART := $(OPERATORS) tests/controls

test: setup ## run all tests of the engine, on servers of their own
	@$(PYTEST) $(APART:%=--ignore=%) $(ARGS)

test-fast: setup ## run the tests that need no server (one to three minutes)
	@$(PYTEST) tests/unit tests/property $(ARGS)

test-controls: setup ## leave guards out, one at a time, and see what is lost
	@$(BIN)/python -m pytest --numprocesses 0 tests/controls $(ARGS)

# Most of these tests wait for a scrape or for a server: two files at a time take little longer each.
test-operate: setup ## metrics, alerts, runbooks, losses and boards, on a real Prometheus
	@$(BIN)/python -m pytest --numprocesses 2 --dist loadfile tests/operate $(ARGS)

boards: setup ## draw Grafana's boards for the docs, from real workers
	@POINTS_BOARDS=docs/reference/boards $(BIN)/python -m pytest --numprocesses 0 tests/operate/boards/test_panels.py $(ARGS)

test-image: setup ## build the image, run every worker in a container
	@$(BIN)/python -m pytest --numprocesses 0 tests/image $(ARGS)

test-chart: setup ## check the Helm chart against Kubernetes' schemas
	@$(BIN)/python -m pytest --numprocesses 0 tests/chart $(ARGS)

FAULTS ?= 100
SEED ?= 1
chaos: setup ## a hundred faults of the notices lane under load (some 6 minutes; FAULTS=, SEED=)
	@POINTS_CHAOS_FAULTS=$(FAULTS) POINTS_CHAOS_SEED=$(SEED) $(BIN)/python -m pytest --numprocesses 0 \
		--capture=no tests/chaos tests/chaos/control.py $(ARGS)

coverage: setup ## run all tests and show which lines none of them reaches
	@$(PYTEST) --cov --cov-report=term $(ARGS)

bench: setup ## measure the whole pipeline
	@$(BIN)/python -m bench $(ARGS)

check: setup ## lint, formatting, types, direction of imports, dependencies
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/deptry .

format: setup ## put the code into shape
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format .

generate: setup ## write what is derived: schemas, a view, boards, tables of the docs
	@$(BIN)/python -m schemas.publish
	@$(BIN)/python -m store.postgres.generate_views
	@$(BIN)/python -m rules.notices.texts.mail.layout
	@$(BIN)/python -m deploy.grafana.build
	@$(BIN)/python -m docs.generate
	@$(BIN)/python -m deploy.security
	@$(BIN)/python -m deploy.helm

keep-schemas: setup ## keep the published schemas as those of a release
	@$(BIN)/python -m schemas.publish --release

sbom: setup ## list the packages with licences and hashes in sbom.json (CycloneDX)
	@$(BIN)/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible \
		--output-format JSON --output-file sbom.json $(BIN)/python
	@echo "sbom: sbom.json"

# Asks a database of vulnerabilities, which needs a network and knows new ones every day: what it
# finds is for people to judge, and stops nothing.
audit: ## look up known vulnerabilities of the pinned packages (pip-audit, needs a network)
	@test -x .cache/audit/bin/pip-audit || { $(PYTHON) -m venv .cache/audit && .cache/audit/bin/pip install --quiet pip-audit==$(AUDIT_VERSION); } || true
	@.cache/audit/bin/pip-audit --requirement requirements.lock --require-hashes --disable-pip \
		|| echo "audit: see above; nothing is stopped by it"

hooks: setup ## check every commit before it is made (pre-commit)
	@$(BIN)/pre-commit install

COMPILE := .cache/uv/bin/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header --no-annotate --python-version 3.11

lock: ## pin the newest packages, for developers and for the image
	@test -x .cache/uv/bin/uv || { $(PYTHON) -m venv .cache/uv && .cache/uv/bin/pip install --quiet uv==$(UV_VERSION); }
	@$(COMPILE) --upgrade --extra dev --extra bench --extra operate --extra tracing --extra notices pyproject.toml --output-file requirements.lock
	@$(COMPILE) --upgrade --constraint requirements.lock --extra tracing --extra notices pyproject.toml --output-file deploy/images/runtime.lock
	@sed -n 's/^requires = .*"\(setuptools[^"]*\)".*/\1/p' pyproject.toml | \
		$(COMPILE) --constraint requirements.lock - --output-file deploy/images/build.lock

image: setup ## build the container image (TAG and BASE name others)
	@TAG='$(TAG)' BASE='$(BASE)' $(BIN)/python -m deploy.images

up: setup ## start the local stack and leave it running
	@$(BIN)/python -m deploy.local up

down: setup ## stop the local stack (its data stay)
	@$(BIN)/python -m deploy.local down
