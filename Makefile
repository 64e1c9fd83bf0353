PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DOCS := $(VENV)/.docs

.PHONY: demo test test-long lint docs bench lock clean

demo: $(STAMP)  ## install, then run the main job: the truth table
	$(BIN)/fallline demo

test: $(STAMP) lint  ## install, then lint, types and the whole fast suite
	$(BIN)/python -m pytest -n 2 --dist worksteal

test-long: $(STAMP) $(DOCS)  ## the long tests: fuzzing, soak, exhaustive sweeps
	$(BIN)/python -m pytest -m long

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(DOCS)  ## build the documentation, warnings being errors: docs/_build/html/index.html
	$(BIN)/sphinx-build -W --keep-going --quiet docs docs/_build/html

bench: $(STAMP)  ## run the benchmarks and write benchmarks/RESULTS.md
	$(BIN)/python benchmarks/run_all.py

# The versions in requirements.lock hold for every Python from 3.11 on (markers tell them apart).
$(STAMP): pyproject.toml requirements.lock
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $(STAMP)

$(DOCS): $(STAMP) requirements-docs.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-docs.lock
	touch $(DOCS)

lock:  ## renew requirements.lock (needs uv)
	uv pip compile pyproject.toml --group dev --group build --universal --python-version 3.11 \
		--no-annotate --no-emit-index-url --no-header --quiet --upgrade --output-file requirements.lock
	uv pip compile --group docs --constraint requirements.lock --universal --python-version 3.11 \
		--no-annotate --no-emit-index-url --no-header --quiet --upgrade \
		--output-file requirements-docs.lock

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis dist docs/_build
