"""The house: imports go downwards, heavy libraries stay in their rooms, start-up stays light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "fallline"

# docs/design.md, section "The house"
LEVELS = [
    {"arrays", "atomic", "blas", "dropout", "errors", "limits", "standalone", "text"},
    {
        "activations",
        "losses",
        "initializers",
        "schedules",
        "optimizers",
        "metrics",
        "splits",
        "halving",
        "penalties",
    },
    {"custom", "samples", "network"},
    {"backprop", "engine"},
    {
        "gradcheck",
        "gradients",
        "history",
        "position",
        "steps",
        "stopping",
        "tracing",
        "training",
        "row_tracing",
    },
    {"modelfile", "records", "sources", "tables"},
    {"reading", "writing", "dates", "targets"},
    {"columns", "encoding"},
    {
        "lesson",
        "plots",
        "estimators",
        "sweeps",
        "preparation",
        "scoring",
        "recipes",
        "checkpointing",
    },
    {"baselines", "evaluation"},
    {"table_model", "advice", "cluster"},
    {"crossvalidation", "distributed", "exporting", "predicting", "importance", "large"},
    {"report"},
    {"playground"},
    {"cli", "__main__"},
]
SAME_LEVEL = {  # one module of a level may use another only as listed here
    ("limits", "errors"),
    ("atomic", "errors"),
    ("text", "arrays"),
    ("dropout", "arrays"),
    ("losses", "activations"),
    ("optimizers", "schedules"),
    ("network", "samples"),
    ("stopping", "history"),
    ("position", "history"),
    ("steps", "position"),
    ("training", "position"),
    ("training", "steps"),
    ("training", "history"),
    ("training", "stopping"),
    ("tracing", "training"),
    ("encoding", "columns"),
    ("distributed", "large"),
    ("__main__", "cli"),
}
ROOMS = {
    "polars": {"tables", "reading", "writing", "sweeps"},
    "numba": {"engine"},
    "sklearn": {"estimators"},
    "joblib": {"estimators"},
    "threadpoolctl": {"blas"},
    "dask": {"distributed", "cluster"},
    "distributed": {"distributed", "cluster"},
    "onnx": {"onnx"},
    "starlette": {"playground"},
    "uvicorn": {"playground"},
    "websockets": {"playground"},
    "anywidget": {"playground"},
    "safetensors": {"modelfile"},
    "typer": {"cli"},
    "rich": {"cli"},
    "plotille": {"cli"},
    "vl_convert": {"report"},
    "matplotlib": {"plots"},
    "imageio_ffmpeg": {"plots"},
}


def room(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    """Every module that a file imports, also inside functions, by dotted name."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


FILES = [path for path in SOURCE.rglob("*.py") if path != SOURCE / "__init__.py"]


def level(name: str) -> int:
    return next(i for i, names in enumerate(LEVELS) if name in names)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_go_downwards(path: Path) -> None:
    own = room(path)
    everything = set().union(*LEVELS)
    for name in imports(path):
        other = name.split(".")[1] if name.startswith("fallline.") else ""
        if other in everything and other != own:
            below = level(other) < level(own)
            assert below or (own, other) in SAME_LEVEL, f"{own} imports {other}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_heavy_libraries_stay_in_their_rooms(path: Path) -> None:
    for name in imports(path):
        rooms = ROOMS.get(name.split(".")[0])
        assert rooms is None or room(path) in rooms, f"{room(path)} imports {name}"


def loaded_by(*command: str) -> set[str]:
    code = "import sys, runpy\n{}\nprint('\\n'.join(sys.modules), file=sys.stderr)"
    result = subprocess.run(
        [sys.executable, "-c", code.format("\n".join(command))],
        capture_output=True,
        text=True,
        check=True,
    )
    return {name.split(".")[0] for name in result.stderr.split()}


def test_import_loads_nothing_heavy() -> None:
    loaded = loaded_by("import fallline")
    assert not loaded & {"numpy", "scipy", "polars", "typer", "rich", "safetensors", "matplotlib"}


def test_help_loads_no_numbers() -> None:
    loaded = loaded_by(
        "sys.argv = ['fallline', '--help']",
        "try: runpy.run_module('fallline', run_name='__main__')",
        "except SystemExit: pass",
    )
    assert "typer" in loaded
    assert not loaded & {"numpy", "scipy", "polars", "safetensors", "plotille"}


def test_every_public_name_is_there() -> None:
    import fallline

    assert set(fallline.__all__) < set(dir(fallline))
    for name in dir(fallline):
        assert getattr(fallline, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = fallline.nonsense


def test_public_names_keep_their_meaning_after_their_module_is_imported() -> None:
    import fallline
    import fallline.tracing
    import fallline.training

    assert callable(fallline.train)
    assert callable(fallline.trace)
