# The one interface of the project. `make help` lists what there is; every target sets up what it needs.
# Needs make and a Python of 3.10 or later. What needs cargo is done where cargo is, and said to be left out elsewhere.

.SHELLFLAGS := -eu -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

UV := .venv/bin/uv
CARGO := $(shell command -v cargo)
BUILD_SOURCES := pyproject.toml $(wildcard build_backend/*.py Cargo.toml Cargo.lock) $(shell find rust -type f)
PYTHON_SOURCES := $(shell find python -name '*.py' -o -name '*.pyi')
# Building wheels and killing servers have no need of being done again on every interpreter and with every backend.
PYTEST := pytest --ignore=tests/packaging --ignore=tests/faults --ignore=tests/simulation
# Nor have the databases on every backend.
PYTEST_AGAIN := $(PYTEST) -m "not once"

# Said where something needs cargo and there is none; CI must not do with less.
NO_CARGO = @echo "no cargo here: left out: $@"; test -z "$${CI:-}"

# Prints one line for each supported version of Python that is found and can make environments: its path.
INTERPRETERS = for minor in 10 11 12 13 14; do \
	for python in "$$HOME"/.pyenv/versions/3.$$minor.*/bin/python3 python3.$$minor; do \
		check="import sys, venv, ensurepip; sys.exit(sys.version_info[:2] != (3, $$minor))"; \
		if "$$python" -c "$$check" 2>/dev/null; then echo "$$python"; break; fi; \
	done; done
PYTHON = $(or $(shell python3 -c 'import sys, venv, ensurepip; print(sys.executable if sys.version_info >= (3, 10) else "")' \
	2>/dev/null),$(lastword $(shell $(INTERPRETERS))),$(error no Python of 3.10 or later with venv was found))

# --- environments -------------------------------------------------------------------------------------------------

.venv/bin/uv:
	test -x .venv/bin/python || $(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --quiet uv

# With bytecode: where Python is told not to write it, each of the many processes of the tests would compile all anew.
.venv/.dependencies: pyproject.toml | $(UV)
	$(UV) pip install --quiet --compile-bytecode --python .venv --group dev -r pyproject.toml --extra all
	touch $@

# The package in place: the sources are used as they are, the extension is compiled into them.
.venv/.package: .venv/.dependencies $(BUILD_SOURCES)
	$(UV) pip install --quiet --python .venv --no-deps --no-build-isolation --reinstall-package rota --editable .
	touch $@

# The package as users get it, in an environment of its own: `make PYTHON=python3.10 .venv-3.10/.installed`.
.venv-%/.installed: $(BUILD_SOURCES) $(PYTHON_SOURCES) | $(UV)
	test -x $(@D)/bin/python || $(UV) venv --quiet --python $(PYTHON) $(@D)
	$(UV) pip install --quiet --python $(@D) --group test --reinstall-package rota '.[all]'
	touch $@

.PHONY: setup
setup: .venv/.package ## set up .venv with everything that the targets below need

.PHONY: build
build: ## compile the extension into the sources again
	rm -f .venv/.package
	$(MAKE) .venv/.package

# --- running ------------------------------------------------------------------------------------------------------

LIVE_SECONDS := 10

.PHONY: demo
demo: .venv/.package ## run rota on a real crontab: the next day, a simulated week, ten seconds live
	.venv/bin/python examples/demo --live-seconds $(LIVE_SECONDS)

.PHONY: newcomer
newcomer: .venv/.package ## follow the README in an empty directory, up to a schedule that survives a kill; show the record
	.venv/bin/pytest tests/packaging/test_newcomer.py -q -s

# --- tests --------------------------------------------------------------------------------------------------------

.PHONY: test
test: .venv/.package ## run all tests
	.venv/bin/pytest
	$(MAKE) test-core

.PHONY: test-python
test-python: .venv/.package ## run the tests that may differ on the pure-Python backend
	ROTA_BACKEND=python .venv/bin/$(PYTEST_AGAIN)

.PHONY: test-rust
test-rust: .venv/.package ## run the tests on the Rust backend; without the extension they fail
	ROTA_BACKEND=rust .venv/bin/$(PYTEST)

.PHONY: test-core
test-core: ## run the tests of the Rust crate
	$(if $(CARGO),cargo test --quiet --workspace,$(NO_CARGO))

.PHONY: test-pure
test-pure: export ROTA_BUILD_EXT = skip
test-pure: .venv-pure/.installed ## run the tests on an installation without the extension
	.venv-pure/bin/python -c 'import rota; assert rota.backend == "python", rota.backend'
	.venv-pure/bin/$(PYTEST_AGAIN)

.PHONY: test-matrix
test-matrix: $(UV) ## run the tests on every supported Python that is found
	@for python in $$($(INTERPRETERS)); do $(MAKE) test-on PYTHON="$$python"; done

.PHONY: test-ends
test-ends: $(UV) ## run the tests that may differ on the oldest and on the newest supported Python that are found
	@for python in $$($(INTERPRETERS) | sed -n '1{p;d};$$p'); do \
		$(MAKE) test-on PYTHON="$$python" PYTEST='$(PYTEST_AGAIN)'; \
	done

.PHONY: test-on
test-on: VERSION = $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
test-on: ## run the tests on one Python: make test-on PYTHON=python3.12
	@echo "--- Python $(VERSION): $(PYTHON)"
	$(MAKE) .venv-$(VERSION)/.installed PYTHON="$(PYTHON)"
	.venv-$(VERSION)/bin/$(PYTEST)

# Drawn anew each time; a failure prints how to have it again.
FUZZ := tests/parity tests/triggers/test_laws.py tests/triggers/test_cronsim.py tests/triggers/test_transitions.py
COUNT_CASES = { print } / passing,/ { sub(/^ *- /, ""); cases += $$1 } END { print cases " cases have been run" }

.PHONY: fuzz
fuzz: export HYPOTHESIS_PROFILE = fuzz
fuzz: SHELL := bash
fuzz: .venv/.package ## compare the trigger cores with each other, with cronsim and with brute force for many minutes
	set -o pipefail; .venv/bin/pytest -q $(FUZZ) --timeout=3600 --hypothesis-seed=$$(od -An -N4 -tu4 /dev/urandom | tr -d ' ') \
		--hypothesis-show-statistics | awk '$(COUNT_CASES)'

.PHONY: test-faults
test-faults: .venv/.package ## kill and freeze schedulers and servers, fill disks, cut connections
	.venv/bin/pytest tests/faults

SEEDS := 500

.PHONY: simulate
simulate: .venv/.package ## simulate a cluster under faults: make simulate SEEDS=500; and take rules out, to see that it fails
	.venv/bin/python -m tests.simulation --seeds $(SEEDS)
	.venv/bin/pytest tests/simulation

SOAK_SECONDS := 300
SOAK_SCHEDULES := 1000

.PHONY: soak
soak: .venv/.package ## the fault tests in their long forms: a thousand schedules, a hundred kills, long outages and cuts
	ROTA_FAULTS_LONG=1 ROTA_SOAK_SECONDS=$(SOAK_SECONDS) ROTA_SOAK_SCHEDULES=$(SOAK_SCHEDULES) ROTA_CUT_ROUNDS=20 \
		.venv/bin/pytest tests/faults --durations=10

.PHONY: test-packaging
test-packaging: .venv/.package ## build and install the package in every way, in fresh environments
	.venv/bin/pytest tests/packaging

# --- checks -------------------------------------------------------------------------------------------------------

.PHONY: lint
lint: lint-python lint-rust ## check style, types, layers and the stub of the extension

.PHONY: lint-python
lint-python: .venv/.package
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/lint-imports --no-logo
	.venv/bin/mypy
	PATH="$(CURDIR)/.venv/bin:$$PATH" pyright
	PATH="$(CURDIR)/.venv/bin:$$PATH" PYTHONPATH=python pyright --verifytypes rota --ignoreexternal

.PHONY: lint-rust
lint-rust: .venv/.package
	@! grep -rn pyo3 rust/domain || { echo "rust/domain must not know Python"; exit 1; }
	$(if $(CARGO),cargo fmt --all --check,$(NO_CARGO))
	$(if $(CARGO),cargo clippy --quiet --workspace --all-targets -- -D warnings)
	$(if $(CARGO),.venv/bin/stubtest rota._core --allowlist rust/py/stubtest-allowlist.txt)

.PHONY: format
format: .venv/.dependencies ## format the code
	.venv/bin/ruff check --fix-only
	.venv/bin/ruff format
	$(if $(CARGO),cargo fmt --all)

# --- distributions ------------------------------------------------------------------------------------------------

# Linked by zig against a glibc of 2014, so that a wheel runs wherever the interpreter does.
MATURIN_BUILD := PATH="$(CURDIR)/.venv/bin:$$PATH" maturin build --quiet --release --zig --compatibility manylinux_2_17 --out dist

.PHONY: wheels
wheels: .venv/.package ## build a wheel for every Python that is found, and the pure one; install and try each
	rm -rf dist
	$(UV) pip install --quiet --python .venv --group wheels
	$(if $(CARGO),for python in $$($(INTERPRETERS)); do $(MATURIN_BUILD) --interpreter "$$python"; done,$(NO_CARGO))
	ROTA_BUILD_EXT=skip $(UV) build --quiet --wheel --out-dir dist
	@for python in $$($(INTERPRETERS)); do \
		for wheel in $$($(MATCHING_WHEELS)); do $(TRY_WHEEL); done; \
	done

MATCHING_WHEELS = "$$python" -c 'import glob, sys; tag = "cp%d%d" % sys.version_info[:2]; \
	print(*glob.glob(f"dist/*-{tag}-*.whl"), *glob.glob("dist/*-none-any.whl"))'
TRY_WHEEL = echo "--- $$wheel on $$python"; \
	$(UV) venv --quiet --clear --python "$$python" build/try; \
	$(UV) pip install --quiet --python build/try "$$wheel"; \
	build/try/bin/python -I tests/packaging/smoke.py "$$wheel"

.PHONY: dist
dist: wheels ## the wheels and the source distribution, in dist/
	$(UV) build --quiet --sdist --out-dir dist

# --- benchmarks ---------------------------------------------------------------------------------------------------

.PHONY: bench
bench: .venv/.package ## time rota alone, on both backends
	.venv/bin/pytest benches/python --benchmark-disable-gc --benchmark-max-time=0.2 --benchmark-min-rounds=3 \
		--benchmark-columns=median,iqr,rounds --benchmark-sort=name
	$(if $(CARGO),cargo bench,$(NO_CARGO))

.PHONY: bench-compare
bench-compare: .venv/.package ## time rota against its peers; writes the tables of benches/README.md
	.venv/bin/python -m benches.compare triggers steps imports commands memory

.PHONY: bench-stores
bench-stores: .venv/.package ## time the stores against peers and raw databases; writes their tables
	.venv/bin/python -m benches.compare stores

.PHONY: bench-brokers
bench-brokers: .venv/.package ## time how soon one node starts what another adds, by event broker; writes its table
	.venv/bin/python -m benches.compare brokers

.PHONY: bench-cluster
bench-cluster: .venv/.package ## have four nodes run 10,000 schedules that are due at once; writes its table
	.venv/bin/python -m benches.compare cluster

# --- documentation ------------------------------------------------------------------------------------------------

.PHONY: docs
docs: .venv/.package ## build the documentation in site/; a warning is an error
	$(UV) pip install --quiet --python .venv --group docs
	rm -rf site
	.venv/bin/sphinx-build --quiet --fail-on-warning --keep-going --fresh-env -b html docs site
	@echo "the documentation is in site/index.html"

# --- the rest -----------------------------------------------------------------------------------------------------

.PHONY: help
help: ## show this
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16

.PHONY: clean
clean: ## delete everything that make has made
	rm -rf .venv .venv-* benches/.envs target dist site build
