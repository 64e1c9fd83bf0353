PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
ENGINE := $(VENV)/.engine
KERNELS := $(wildcard src/fallline/engine/kernels/*.py src/fallline/engine/build/*.py) \
	$(addprefix src/fallline/engine/,codes.py config.py layout.py processor.py records.py) \
	src/fallline/core/constants.py
DOCS := $(VENV)/.docs
ZIG := $(VENV)/.zig
FLOOR := .venv-floor
FLOOR_EXTRAS := $(addprefix --extra ,jit sklearn excel report dask plots video notebook onnx)

.PHONY: demo test test-long test-floor lint docs bench wheels lock clean

# The suite starts many processes; without bytecode each would compile the package's sources anew.
unexport PYTHONDONTWRITEBYTECODE

demo: $(ENGINE)  ## install, then run the main job: the truth table
	$(BIN)/fallline demo

test: $(ENGINE) lint  ## install, then lint, types and the whole fast suite
	$(BIN)/python -m pytest -n 2 --dist worksteal

test-long: $(ENGINE) $(DOCS) $(ZIG)  ## the long tests: fuzzing, soak, exhaustive sweeps
	$(BIN)/python -m pytest -m long

test-floor: $(ENGINE) $(FLOOR)/.installed  ## the suite with the lowest versions that pyproject.toml allows
	$(FLOOR)/bin/python -m pytest -n 2 --dist worksteal

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(DOCS)  ## build the documentation, warnings being errors: docs/_build/html/index.html
	$(BIN)/sphinx-build -W --keep-going --quiet docs docs/_build/html

bench: $(ENGINE)  ## run the benchmarks and write benchmarks/RESULTS.md
	$(BIN)/python benchmarks/run_all.py

wheels: $(ZIG)  ## the wheels of all platforms, and one for any other, in dist/ (zig links for all)
	$(BIN)/python -m fallline.engine.build all --folder build/engine
	for platform in linux-x86_64 linux-aarch64 macosx-x86_64 macosx-arm64 win-amd64 win-arm64 pure; do \
		FALLLINE_WHEEL=$$platform FALLLINE_LIBRARIES=build/engine $(BIN)/python -m pip wheel --quiet \
			--disable-pip-version-check --no-deps --no-build-isolation --wheel-dir dist . || exit 1; \
	done
	ls -l dist

# The versions in requirements.lock hold for every Python from 3.11 on (markers tell them apart).
$(STAMP): pyproject.toml requirements.lock
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $(STAMP)

# The engine's machine code for this processor: without it, Numba compiles at the first use.
$(ENGINE): $(STAMP) $(KERNELS)
	@echo "making the engine's machine code, once for these sources (about a minute)"
	$(BIN)/python -m fallline.engine.build || echo "the engine is compiled at its first use instead"
	touch $(ENGINE)

$(FLOOR)/.installed: pyproject.toml requirements-floor.lock
	$(PYTHON) -m venv $(FLOOR)
	$(FLOOR)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-floor.lock
	$(FLOOR)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $(FLOOR)/.installed

$(ZIG): $(STAMP) requirements-zig.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-zig.lock
	touch $(ZIG)

$(DOCS): $(STAMP) requirements-docs.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-docs.lock
	touch $(DOCS)

lock:  ## renew requirements.lock (needs uv)
	uv pip compile pyproject.toml --group dev --group build --universal --python-version 3.11 \
		--no-annotate --no-emit-index-url --no-header --quiet --upgrade --output-file requirements.lock
	uv pip compile --group docs --constraint requirements.lock --universal --python-version 3.11 \
		--no-annotate --no-emit-index-url --no-header --quiet --upgrade \
		--output-file requirements-docs.lock
	uv pip compile --group zig --universal --python-version 3.11 \
		--no-annotate --no-emit-index-url --no-header --quiet --upgrade \
		--output-file requirements-zig.lock
	mkdir -p build
	rm -f build/floor.txt build/floor.lock
	echo "pyparsing<3.3" > build/limits.txt  # warns of the names that Matplotlib 3.9 calls
	uv pip compile pyproject.toml $(FLOOR_EXTRAS) --group build --python-version 3.11 \
		--constraint build/limits.txt --resolution lowest-direct --no-annotate \
		--no-emit-index-url --no-header --quiet --output-file build/floor.txt
	uv pip compile pyproject.toml $(FLOOR_EXTRAS) --group build --group dev --python-version 3.11 \
		--constraint build/floor.txt --no-annotate --no-emit-index-url --no-header --quiet \
		--output-file build/floor.lock
	mv build/floor.lock requirements-floor.lock

clean:
	rm -rf $(VENV) $(FLOOR) src/fallline/engine/lib build .mypy_cache .ruff_cache .pytest_cache .hypothesis dist docs/_build
