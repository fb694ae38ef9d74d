# Everything a newcomer needs: `make help` lists it.
# A machine with Python 3.11 or newer, make and a C compiler is enough.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
RUN    ?= demo
ROWS   ?= 1000000
SEED   ?= $(shell date +%j)
JOBS   ?= $(shell nproc 2> /dev/null || sysctl -n hw.ncpu)

.DEFAULT_GOAL := help
.PHONY: help install demo test fuzz check format bench docs browser clean

help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(READY) ## create the virtual environment and install the pinned versions

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "edgescope needs Python 3.11 or newer; $(PYTHON) is older. Set PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check torch==2.13.0
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $(READY)

demo: $(READY) ## train on measured solubilities, scan, write demo/report.html
	$(BIN)/edgescope demo --out $(RUN)

# One thread each, as test files run side by side on all cores.
test: $(READY) browser ## run every test (what continuous integration runs)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) --dist loadfile

fuzz: $(READY) ## run the property tests on other and more examples, check a million rows, damage and kill
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) --dist loadfile -m hypothesis --hypothesis-profile=fuzz
	OMP_NUM_THREADS=1 PYTHONPATH=tests $(BIN)/python -m scripts.fuzz_identity --rows $(ROWS) --seed $(SEED)
	OMP_NUM_THREADS=1 PYTHONPATH=tests $(BIN)/python -m scripts.fuzz_stored --seed $(SEED)
	OMP_NUM_THREADS=1 PYTHONPATH=tests $(BIN)/python -m scripts.kill_replacing --seed $(SEED)

check: $(READY) ## lint, format check, types and who may import whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY) ## apply the formatter and the safe fixes
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY) ## run every benchmark and print its ratio
	@set -e; for script in benchmarks/[a-z]*.py; do echo "== $$script"; $(BIN)/python $$script; done

docs: $(READY) ## write the pages that come out of the code, build the site in docs/_build, report the demo there
	$(BIN)/python docs/make_layers.py
	$(BIN)/python docs/make_rules.py
	$(BIN)/python docs/make_reach.py
	$(BIN)/python docs/make_dossier.py
	OMP_NUM_THREADS=1 $(BIN)/python docs/make_walks.py
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --nitpicky --fresh-env --quiet \
	  --builder html docs docs/_build
	$(BIN)/edgescope demo --out $(RUN)
	$(BIN)/edgescope ablate $(RUN) --where scan --repeats 1
	$(BIN)/edgescope diagnose $(RUN) --fail-on never
	$(BIN)/edgescope report $(RUN) --out docs/_build/report-of-the-demo.html
	@echo "open docs/_build/index.html"

browser: # the report's tests open it in Chromium
	@command -v chromium > /dev/null || command -v chromium-browser > /dev/null || \
	  command -v google-chrome > /dev/null || { \
	  command -v apt-get > /dev/null || { \
	    echo "the report's tests open it in Chromium: install that first"; exit 1; }; \
	  echo "installing chromium for the report's tests"; \
	  SUDO=$$( [ "$$(id -u)" = 0 ] || echo sudo ); \
	  $$SUDO apt-get update -qq && $$SUDO apt-get install -y -qq --no-install-recommends chromium; }

clean: ## remove the virtual environment, caches and the site (runs and reports stay)
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis docs/_build docs/api
