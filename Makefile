# What CI runs is `make check`, `make autobahn` and `make schemathesis`, beside the base of a pull request `make
# bench-compare`; what a newcomer needs is `make run` and `make test`.
.PHONY: run test demo install check bench bench-write bench-scale bench-compare anatomy chaos autobahn schemathesis format docs lock install-locked clean

# The newest Python that really runs; `make PYTHON=/path/to/python` to choose another.
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
LOCK = .venv-lock/bin/uv pip compile pyproject.toml requirements/build.in --quiet --universal --python-version 3.11 \
	--generate-hashes --no-header --no-annotate --no-emit-index-url
# `make run HOST=… PORT=…` wins over LATCHGATE_SERVER_HOST and _PORT; left out, those or the defaults hold.

run: .venv/.runtime
	@exec $(BIN)/latchgate serve $(if $(HOST),--host $(HOST)) $(if $(PORT),--port $(PORT))

test: .venv/.complete
	$(BIN)/pytest

demo: .venv/.runtime
	@$(BIN)/python -m gateway.demo --url ws://$(or $(HOST),127.0.0.1):$(or $(PORT),7512)

install: .venv/.complete

check: .venv/.complete
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/coverage run -m pytest
	$(BIN)/coverage report

# The whole table of targets in under ten minutes; `make bench ARGS="--only now sansio picows"`, ARGS="--help".
bench: .venv/.complete
	$(BIN)/python -m tests.benchmarks $(ARGS)

# The same, into docs/performance.md, .json and .svg; always the whole, so not with --only.
bench-write: .venv/.complete
	$(BIN)/python -m tests.benchmarks --write $(ARGS)

# A million keys beside a thousand, into docs/performance.md and .json: ten minutes more.
bench-scale: .venv/.complete
	$(BIN)/python -m tests.benchmarks.scale --write $(ARGS)

# Where the microseconds of one request go, into docs/where-the-time-goes.md.
anatomy: .venv/.complete
	$(BIN)/python -m tests.benchmarks.anatomy --write $(ARGS)

# `make bench-compare REF=main`: what this tree costs beside another commit; ARGS for its options.
bench-compare: .venv/.complete
	@$(if $(REF),,echo "name a commit: make bench-compare REF=HEAD~1" >&2; exit 1)
	$(BIN)/python -m tests.benchmarks.compare --against $(REF) $(ARGS)

# The fault tests in their long form, half an hour and more; `make chaos ARGS="--only churn --minutes 5"`, ARGS="--help".
chaos: .venv/.complete
	$(BIN)/python -m tests.chaos $(ARGS)

autobahn: .venv/.complete
	$(BIN)/python tests/autobahn/run.py

schemathesis: .venv/.complete
	$(BIN)/python -m tests.schemathesis.run

format: .venv/.complete
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

docs: .venv/.complete
	$(BIN)/python -m gateway.config > docs/configuration.md
	$(BIN)/python -m tests.compatibility > docs/compatibility.md

# pyproject.toml and requirements/build.in → versions and hashes, for every platform; `make lock ARGS=--upgrade` for new ones.
lock: .venv-lock/bin/uv
	$(LOCK) --extra embedded --output-file requirements/runtime.lock $(ARGS)
	$(LOCK) --extra embedded --extra test --extra bench --output-file requirements/all.lock $(ARGS)

# As `make install`, but exactly what is locked: no file with another hash is installed.
install-locked: .venv/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/all.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch .venv/.runtime .venv/.complete

clean:
	rm -rf .venv .venv-autobahn .venv-lock .venv-schemathesis build dist .coverage* .mypy_cache .pytest_cache .ruff_cache \
		.hypothesis tests/*/node_modules tests/system/documents/asyncapi/node_modules

# --- the virtual environment ---------------------------------------------------------------------------------------

.venv/.runtime: pyproject.toml | .venv/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[embedded]'
	@touch $@

.venv/.complete: pyproject.toml | .venv/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[embedded,test,bench]'
	@touch .venv/.runtime $@

.venv-lock/bin/uv: | .venv/bin/python
	$(BIN)/python -m venv .venv-lock
	.venv-lock/bin/pip install --quiet --disable-pip-version-check uv

.venv/bin/python:
	@if [ -z "$(PYTHON)" ]; then \
		echo "Latchgate needs Python 3.11 or later; install it, or name one: make PYTHON=/path/to/python" >&2; exit 1; fi
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Latchgate needs Python 3.11 or later, and $(PYTHON) is older; try make PYTHON=/path/to/python" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "$(PYTHON) lacks the module venv; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv .venv
