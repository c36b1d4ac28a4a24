# Everything that is done with a checkout. Needs make and Python 3.11, 3.12 or 3.13; nothing else.
# Set-up talks on stderr, so that stdout holds what was asked for and nothing more.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

UV_VERSION := 0.13.9
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# The first Python on the path that is new enough, and not too new for TensorFlow.
PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11 python; do \
	$$name -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
	>/dev/null 2>&1 && { echo $$name; break; }; done)

TESTS ?= tests
COVERAGE ?=
PACKAGES ?= yes
PROSE := README.md CHANGELOG.md CONTRIBUTING.md GLOSSARY.md DECISIONS.md docs

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1|/' \
		| while IFS='|' read -r name text; do printf '  make %-12s %s\n' "$$name" "$$text"; done

.PHONY: install
install: $(READY) ## Make .venv with the locked dependencies and the normalcy command

# uv stands in the environment itself; done again only when what is to be installed changed.
$(READY): pyproject.toml requirements.lock
	@{ \
	if [ -z "$(PYTHON)" ]; then \
		echo "normalcy needs Python 3.11, 3.12 or 3.13: install one, or name it: make PYTHON=/path/to/python3.12"; \
		exit 1; \
	fi; \
	test -x $(BIN)/python || { echo "Making $(VENV) with $$($(PYTHON) --version)"; $(PYTHON) -m venv $(VENV); }; \
	$(BIN)/python -c 'import importlib.metadata as m, sys; sys.exit(m.version("uv") != "$(UV_VERSION)")' 2>/dev/null \
		|| $(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION); \
	$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements.lock; \
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps -e .; \
	touch $@; \
	} >&2

.PHONY: demo
demo: ARGS ?= gas-room
demo: install ## Run the demo on simulated sensors: make demo [ARGS="gas-room --once --json"]
	@$(BIN)/normalcy demo $(ARGS)

.PHONY: up
up: install ## Run the service that normalcy.yaml describes: pages and jobs
	@$(BIN)/normalcy up

# Processes that the tests run in at once, a file in one of them. Files come in their own order: by
# number of tests the longest ones, which have few, would come last and keep one process busy alone.
# Each computes in one thread: several for each processor mostly wait, busily, for each other.
WORKERS ?= 3

# The servers that some tests need; without them those tests are skipped, and say so.
.PHONY: packages
packages:
	@.ci/packages $(PACKAGES) >&2

.PHONY: test
test: install packages ## Run the tests: make test [TESTS=tests/jobs]
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(COVERAGE) $(TESTS)

# Faults of tests/faults, with the tests elsewhere that inject some of them as well.
.PHONY: faults
faults: install packages ## Inject every fault, and print what was lost, wrong or doubled: the table of docs/faults.md
	@FAULTS_TABLE=faults.md $(BIN)/python -m pytest -q -p tests.faults.outcomes tests/faults $$($(BIN)/python -m tests.faults.catalogue)

.PHONY: test-grafana
test-grafana: install packages ## Run the tests against the Grafana of GRAFANA_URL, see CONTRIBUTING.md
	@test -n "$$GRAFANA_URL" || { echo "set GRAFANA_URL, GRAFANA_USER and GRAFANA_PASSWORD to a Grafana that may be filled and emptied" >&2; exit 2; }
	@$(BIN)/python -m pytest -rs -m grafana $(COVERAGE) tests

# What docker-compose.yml mounts: made from its configuration, and kept in the repository.
.PHONY: dashboards
dashboards: install ## Make grafana_dashboards/ and the rules for Prometheus anew
	@NORMALCY_CONFIG=docker/normalcy.yaml NORMALCY_TOKEN=- $(BIN)/normalcy grafana provision --out grafana_dashboards
	@$(BIN)/normalcy prometheus > docs/prometheus/normalcy.rules.yaml

.PHONY: bench-store
bench-store: install packages ## Time the stores against rivals: make bench-store [ARGS="--rows 100000"]
	@$(BIN)/python -m benchmarks.stores --json benchmark-stores.json $(ARGS)

.PHONY: bench-datasource
bench-datasource: install packages ## Time a chart against the same range sent raw: make bench-datasource [ARGS="--rows 100000"]
	@$(BIN)/python -m benchmarks.datasource --json benchmark-datasource.json $(ARGS)

.PHONY: bench-latency
bench-latency: install packages ## Time a point to its flag, and to a rule: make bench-latency [ARGS="--intervals 1s"]
	@$(BIN)/python -m benchmarks.latency --json benchmark-latency.json $(ARGS)

.PHONY: bench-fleet
bench-fleet: install packages ## Time training, scoring and forecasts of fleets: make bench-fleet [ARGS="--only training"]
	@$(BIN)/python -m benchmarks.fleet --json benchmark-fleet.json $(ARGS)

.PHONY: bench-pages
bench-pages: install packages ## Time the overview of 5,000 series and a chart of ten million points in a browser
	@$(BIN)/python -m benchmarks.pages_overview --json benchmark-pages-overview.json
	@$(BIN)/python -m benchmarks.pages_chart --json benchmark-pages-chart.json $(ARGS)

.PHONY: bench-quality
bench-quality: install ## Score every kind on labelled series: make bench-quality DATA=folder [KINDS="pca dpca"] [SERIES=8]
	@$(BIN)/python -m benchmarks.quality $(DATA) $(if $(KINDS),--kinds $(KINDS)) $(if $(SERIES),--series $(SERIES)) --json benchmark-quality.json $(ARGS)

.PHONY: bench-degraded
bench-degraded: install ## Judge without one and two channels: make bench-degraded DATA=folder [KINDS="pca"] [SERIES=14]
	@$(BIN)/python -m benchmarks.degraded $(DATA) $(if $(KINDS),--kinds $(KINDS)) $(if $(SERIES),--series $(SERIES)) --json benchmark-degraded.json $(ARGS)

.PHONY: bench-detectors
bench-detectors: install ## Time every kind beside other libraries: make bench-detectors DATA=folder [KINDS="pca dpca"]
	@$(BIN)/python -m benchmarks.detectors $(DATA) $(if $(KINDS),--kinds $(KINDS)) --json benchmark-detectors.json $(ARGS)

.PHONY: bench-skab
bench-skab: install ## Judge kinds by the rule of SKAB's leaderboard: make bench-skab DATA=folder [KINDS="pca dpca"]
	@$(BIN)/python -m benchmarks.skab $(DATA) --dataset skab $(if $(KINDS),--kinds $(KINDS)) --json benchmark-skab.json $(ARGS)

.PHONY: bench-load
bench-load: install packages ## Time 50 clients while 1,000 series are scored and trained: make bench-load [ARGS="--seconds 60"]
	@$(BIN)/python -m benchmarks.load --json benchmark-load.json $(ARGS)

.PHONY: bench-idle
bench-idle: install packages ## Weigh each process at rest, its start and its processor time: make bench-idle
	@$(BIN)/python -m benchmarks.idle --json benchmark-idle.json $(ARGS)

# Requests at random to the whole API, and odd files, fields and answers of stores to what reads them.
.PHONY: fuzz
fuzz: MINUTES = 5
fuzz: install ## Look for requests and files that break something: make fuzz [MINUTES=5] [ARGS="--seed 2"]
	@$(BIN)/python -m tests.fuzz --minutes $(MINUTES) $(ARGS)

# How long faults happen; catching up and comparing come on top.
MINUTES ?= 30

.PHONY: soak
soak: install packages ## Run among random faults, then compare all that is stored: make soak [MINUTES=30] [ARGS="--seed 2"]
	@$(BIN)/python -m benchmarks.soak --minutes $(MINUTES) --json benchmark-soak.json $(ARGS)

.PHONY: check
check: lint types imports spelling dependencies security ## Everything that has to be green before a change goes in
	@$(MAKE) test

# Apart from the gate: it makes the tests half as long again.
.PHONY: coverage
coverage: ## Run the tests, and tell which lines of the program none of them reaches
	@$(MAKE) test COVERAGE="--cov --cov-report=term"

.PHONY: lint
lint: install ## Look at form and habits of the code
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .

.PHONY: format
format: install ## Put the code into form
	@$(BIN)/ruff check --quiet --fix-only .
	@$(BIN)/ruff format --quiet .

.PHONY: types
types: install ## Check the types
	@$(BIN)/mypy

.PHONY: imports
imports: install ## Check that imports point downwards only
	@$(BIN)/lint-imports

.PHONY: spelling
spelling: install
	@$(BIN)/codespell --ignore-words-list te,lod,chanels,resluts,aer,doubleclick backend jobs tests grafana_dashboards $(PROSE)

# Declared but never imported: TensorFlow stands behind keras, psycopg behind SQLAlchemy, tzdata behind
# zoneinfo, and of plotly only the script is served. Imported but not declared: parts of Flask and pydantic
# that come with them. Imported for benchmarks only: the rival of our own client, what holds workers to one
# thread, and what leads the browser.
.PHONY: dependencies
dependencies: install
	@$(BIN)/deptry --no-ansi . \
		--per-rule-ignores 'DEP002=tensorflow|tensorflow-cpu|psycopg|tzdata|plotly,DEP003=werkzeug|markupsafe|pydantic_core,DEP004=influxdb|threadpoolctl|playwright' \
		2> >(grep -v '^Assuming' >&2)

# What bandit finds is answered in pyproject.toml or in the line itself.
.PHONY: security
security: install ## Look for habits that let others in
	@$(BIN)/bandit --quiet --configfile pyproject.toml --recursive backend jobs \
		2> >(grep -v WARNING >&2)

# Without a network nobody can say what has become known of the locked versions: that ends with 2, so
# that it is not taken for clean.
.PHONY: audit
audit: security ## The same, and ask what is known against the locked dependencies; needs a network
	@BIN=$(BIN) .ci/audit requirements.lock

.PHONY: lock
lock: install ## Pin the dependencies anew: make lock [UPGRADE=--upgrade]
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-annotate --extra cluster --extra postgres --group dev $(UPGRADE) \
		pyproject.toml -o requirements.lock

.PHONY: clean
clean: ## Remove the environment and everything that was derived
	@rm -rf $(VENV) build dist .coverage .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@find backend jobs tests -type d -name __pycache__ -prune -exec rm -rf {} +
