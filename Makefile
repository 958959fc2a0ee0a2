# Every target sets up what it needs in .venv, from Python (>= 3.11), make and a C compiler alone; a second call sets up nothing.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input -q
ARGS ?=

.PHONY: help run test check bench lock clean

help:  ## what each target does
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

run: $(VENV)/.run  ## bring Freehold up with a real model answering (ARGS="--port 9000" passes on)
	@exec $(BIN)/freehold up $(ARGS)

test: $(VENV)/.test  ## all tests
	$(BIN)/python -m pytest $(ARGS)

check: $(VENV)/.check  ## format, lint, strict types, architecture, docs facts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/basedpyright
	$(BIN)/python -m pytest tests/architecture

bench: $(VENV)/.run  ## measure beside other gateways (needs nginx, wrk, node)
	$(BIN)/python -m bench $(ARGS)

lock: $(VENV)/.made  ## pin every dependency anew, with hashes
	$(PIP) install uv
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate \
		--extra own --group build pyproject.toml -o requirements/run.txt
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate \
		--extra own --extra catalog --extra litellm-import --group build --group test pyproject.toml -o requirements/test.txt
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate \
		--extra own --extra catalog --extra litellm-import --group build --group check pyproject.toml -o requirements/check.txt

clean:  ## remove .venv and what the tools left
	rm -rf $(VENV) .ruff_cache .pytest_cache .hypothesis dist build bench/.work

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit("Freehold needs Python 3.11 or newer.") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.%: requirements/%.txt pyproject.toml | $(VENV)/.made
	$(PIP) install --require-hashes -r $<
	$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@
