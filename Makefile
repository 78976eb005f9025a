# Everything a newcomer types. `make demo` needs Python 3.11+, git and make; the rest is fetched into .venv.

PY ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' && echo $$p && break; done)
BIN := .venv/bin
CHECKED := connectors dashboard data invitations pipelines web tests bench
# Three more than there are cores: many a test waits for a process of its own.
WORKERS ?= $(shell echo $$(( $$(nproc 2>/dev/null || echo 2) + 3 )))
# Forked from one that has collected (tests/crew.py), for each of pytest-xdist's imports and collects everything:
# RUNNER="-n 4 --dist worksteal" takes them.
RUNNER ?= -p tests.crew --crew $(WORKERS)
# Thousands of ledgers are synced to the disk: where memory is there to take them, nobody waits for it.
SCRATCH := $(shell df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 && $$4 > 4000000 { print "/dev/shm" }')
SUITE := $(if $(SCRATCH),TMPDIR=$(SCRATCH) )$(BIN)/python -m pytest -q $(RUNNER)
# Without compiled bytecode every process that the demo starts would compile its imports again.
unexport PYTHONDONTWRITEBYTECODE
# What our processes import, by two others before: importing compiles it, and it is a third of what is installed.
IMPORTED := alembic.command, dagster._daemon.cli, dagster_webserver.cli, psycopg, pydantic_settings, twilio.rest
IMPORTED_TOO := aiohttp, dataframely, duckdb, email_validator, holidays, httpx, hypothesis, jinja2.sandbox, openapi_core, \
	phonenumbers, PIL.Image, playwright.sync_api, plotly.graph_objects, polars, pytest, streamlit.testing.v1, \
	streamlit.web.cli, typer.rich_utils, xdist

.PHONY: help setup demo demo-fresh up test suite test-demo soak check quick lint types lock faults deep

help: ## what can be typed here
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-12s %s\n", $$1, $$2}'

setup: .venv/.stamp ## a .venv with everything that requirements.lock names

.venv/.stamp: requirements.lock pyproject.toml
	@test -n "$(PY)" || { echo "Afterword needs Python 3.11, 3.12 or 3.13: install one, or name it: make setup PY=/path/to/python3.11"; exit 2; }
	@echo "Setting up .venv with $(PY): half a minute, once"
	@test -x $(BIN)/python || $(PY) -m venv --without-pip .venv
	@# A pip of its own is unpacked for four seconds: only where $(PY) has none that can do it.
	@$(PY) -m pip --python $(BIN)/python install -q --disable-pip-version-check uv 2>/dev/null || \
		{ $(BIN)/python -m ensurepip >/dev/null && $(BIN)/python -m pip install -q --disable-pip-version-check uv; } || \
		{ echo "$(PY) has neither pip nor ensurepip, or they could not fetch uv (Debian: apt-get install python3-venv)"; exit 2; }
	@$(BIN)/uv pip install -q --python $(BIN)/python --require-hashes --no-deps -r requirements.lock
	@$(BIN)/uv pip install -q --python $(BIN)/python --no-deps -e .
	@$(BIN)/python -W ignore -c "import $(IMPORTED)" & $(BIN)/python -W ignore -c "import $(IMPORTED_TOO)" && wait $$!
	@touch $@

demo: setup ## the whole thing on this machine, with pretend providers and customers; Ctrl-C ends it
	@$(BIN)/afterword demo

demo-fresh: setup ## the same from the beginning: forgets what the last demo did
	@$(BIN)/afterword demo --fresh

up: setup ## the same against real accounts, configured by the environment or .env (see .env.example)
	@set -a; if [ -f .env ]; then . ./.env; fi; set +a; exec $(BIN)/afterword up

test: lint ## lint, types and every test; what .ci/run calls
	@$(MAKE) --no-print-directory -j2 types suite

suite: setup # the types are looked at beside it: on a bare machine that takes a core for half a minute
	@$(SUITE) -m "not demo and not faults"

test-demo: setup ## the demo itself, started, moved three days on and ended: a minute or two, not part of make test
	@$(BIN)/python -m pytest -q -m demo

SEEDS ?= 200

soak: setup ## two dispatchers killed again and again, 1,000 messages a seed; the result goes to docs/reliability.md
	@$(BIN)/python -m tests.reliability.soak $(if $(SEED),--seed $(SEED),--seeds $(SEEDS)) $(if $(MINUTES),--minutes $(MINUTES))

faults: setup ## each provider's fault alone at each crash point, on both databases: as long as make test again
	@$(SUITE) -m faults

EXAMPLES ?= 500

deep: setup ## what hypothesis makes up, tried 500 times each instead of a few: EXAMPLES=5000 looks further still
	@AFTERWORD_EXAMPLES=$(EXAMPLES) $(SUITE) -m "hypothesis and not faults"

check: lint ## lint, types and the fast tests: under half a minute
	@$(MAKE) --no-print-directory -j2 types quick

quick: setup
	@$(SUITE) -m "not slow and not browser and not postgresql and not demo and not faults"

lint: setup
	@$(BIN)/ruff check $(wildcard $(CHECKED))
	@$(BIN)/ruff format --check $(wildcard $(CHECKED))
	@! grep -n '://' requirements.lock || { echo "requirements.lock may name no host: make lock"; exit 1; }

types: setup
	@$(BIN)/mypy

lock: setup ## resolve pyproject.toml again into requirements.lock, with hashes and without hosts
	@$(BIN)/uv pip compile -q pyproject.toml --extra dev --universal --generate-hashes --no-header --no-annotate -o requirements.lock
	@! grep -n '://' requirements.lock
