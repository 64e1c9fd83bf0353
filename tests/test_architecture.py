"""The map: imports go downwards, heavy libraries stay in their folders, start-up stays light."""

import ast
import graphlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from fallline.engine import library

SOURCE = Path(__file__).parents[1] / "src" / "fallline"

# The folders of src/fallline in their order: each may import those before it. The files beside
# them are the ground, which all may use. docs/design.md, section "The map".
ORDER = [
    "ground",
    "core",
    "engine",
    "training",
    "lesson",
    "saving",
    "data",
    "tabular",
    "explaining",
    "exporting",
    "distributed",
    "sweeps",
    "estimators",
    "plots",
    "report",
    "playground",
    "cli",
    "__main__",
]
# Libraries that only some folders may import
LIBRARIES = {
    "polars": {"data", "sweeps"},
    "numba": {"engine"},
    "llvmlite": {"engine"},
    "sklearn": {"estimators"},
    "joblib": {"estimators"},
    "threadpoolctl": {"ground"},
    "dask": {"distributed"},
    "distributed": {"distributed"},
    "anywidget": {"playground"},
    "safetensors": {"saving"},
    "click": {"cli"},
    "rich": {"cli"},
    "plotille": {"cli"},
    "vl_convert": {"report"},
    "onnx": {"exporting"},
    "onnxruntime": {"exporting"},
    "matplotlib": {"plots"},
    "imageio_ffmpeg": {"plots"},
}

FILES = [path for path in SOURCE.rglob("*.py") if path != SOURCE / "__init__.py"]


def module_name(path: Path) -> str:
    """The dotted name of a file under src, such as fallline.core.losses."""
    return ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_name(path): path for path in FILES}


def folder(module: str) -> str:
    """Where a module of this package stands in ORDER."""
    first = module.split(".")[1] if "." in module else "ground"
    return first if first in ORDER else "ground"


def imports(path: Path) -> set[str]:
    """Every module that a file imports, also inside functions, by dotted name."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            submodules = names & MODULES.keys()
            found |= submodules if submodules == names else submodules | {node.module}
    return found


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_downwards(module: str) -> None:
    own = ORDER.index(folder(module))
    for other in imports(MODULES[module]):
        if other.startswith("fallline."):
            assert other in MODULES, f"{module} imports {other}, which is not there"
            assert ORDER.index(folder(other)) <= own, f"{module} imports {other}"


def test_no_import_goes_in_a_circle() -> None:
    """Neither at import time nor later: imports inside functions count as well."""
    graph = {module: imports(path) & MODULES.keys() for module, path in MODULES.items()}
    try:
        list(graphlib.TopologicalSorter(graph).static_order())
    except graphlib.CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_no_import_goes_through_a_string() -> None:
    """What a string names, no reader and no tool follows."""
    for module, path in MODULES.items():
        assert "import_module" not in path.read_text(), module


@pytest.mark.parametrize("module", MODULES)
def test_heavy_libraries_stay_in_their_folders(module: str) -> None:
    for name in imports(MODULES[module]):
        folders = LIBRARIES.get(name.split(".")[0])
        assert folders is None or folder(module) in folders, f"{module} imports {name}"


def test_every_folder_says_what_it_is_for() -> None:
    for path in SOURCE.rglob("__init__.py"):
        assert len(ast.get_docstring(ast.parse(path.read_text())) or "") > 60, path


def test_type_checkers_see_the_same_names() -> None:
    import fallline

    stub = ast.parse((SOURCE / "__init__.pyi").read_text())
    names = {
        alias.asname: node.module
        for node in stub.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert {*names, "__version__"} == set(dir(fallline))
    for name, module in fallline._WHERE.items():
        assert names[name] == f"fallline.{module}"


# What a process must not import, since nobody waits for it: a library costs 10 to 300 ms
HEAVY = {
    *("numpy", "scipy", "polars", "click", "rich", "plotille", "safetensors", "threadpoolctl"),
    *("numba", "llvmlite", "sklearn", "joblib", "pandas", "pyarrow", "matplotlib", "pydantic"),
    *("distributed", "dask", "http.server", "asyncio", "difflib", "vl_convert"),
    *("fallline.report", "fallline.distributed", "fallline.playground", "fallline.sweeps"),
    *("fallline.plots", "fallline.tabular.large", "fallline.explaining", "fallline.exporting"),
}
COMMAND = """
import runpy
try: runpy.run_module("fallline", run_name="__main__")
except SystemExit as end: assert not end.code, end.code
"""
TRAIN = """
import fallline as fl
from fallline.lesson import TRAIN_X, TRAIN_Y
net = fl.Network([3, 2, 1], hidden="sigmoid", loss="binary_cross_entropy", seed=0)
fl.train(net, TRAIN_X, TRAIN_Y, optimizer=fl.GradientDescent(1.6), epochs=200)
net.predict_proba(TRAIN_X)
"""
SWEEP = """
import fallline as fl
X, y = [[0, 0], [0, 1], [1, 0], [1, 1]] * 2, [0, 1, 1, 0] * 2
fl.sweep(X, y, {"hidden": [2, 3], "epochs": [20]}, seeds=2, validation=0.4)
"""
FIT = """
import fallline as fl
fl.MLPClassifier(solver="lbfgs", max_iter=500).fit([[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0])
"""
CSV = ["train", str(SOURCE.parents[1] / "examples" / "housing.csv"), "--epochs", "2"]
CSV += ["--target", "median_house_value"]


def loaded_by(code: str, *words: str, folder: Path | None = None) -> set[str]:
    """The modules of a process of its own that ran ``code``, with ``words`` as its command line."""
    whole = f"import sys\n{code}\nprint('\\n'.join(sys.modules), file=sys.stderr)"
    result = subprocess.run(
        [sys.executable, "-c", whole, *words],
        capture_output=True,
        text=True,
        check=True,
        cwd=folder,
    )
    return set(result.stderr.split())


@pytest.mark.parametrize(
    ("code", "words", "needed"),
    [
        ("import fallline", [], set()),
        (COMMAND, ["--version"], {"click"}),
        (COMMAND, ["--help"], {"click"}),
        (COMMAND, ["train", "--help"], {"click"}),
        (COMMAND, ["demo"], {"click", "numpy", "plotille"}),
        (COMMAND, CSV, {"click", "numpy", "polars", "plotille", "safetensors"}),
        (TRAIN, [], {"numpy"}),
        (SWEEP, [], {"numpy", "fallline.sweeps"}),
    ],
    ids=["import", "version", "help", "train help", "demo", "train csv", "train", "sweep"],
)
def test_a_process_imports_what_it_needs(
    code: str, words: list[str], needed: set[str], tmp_path: Path
) -> None:
    if library.shared() is None and "numpy" in needed:
        pytest.skip("without its library the engine is compiled by Numba")
    loaded = loaded_by(code, *words, folder=tmp_path)
    assert needed <= loaded
    assert loaded & HEAVY == needed


def modules_of(folders: dict[str, str]) -> set[str]:
    """The modules of these folders, and the ground that every run stands on."""
    own = {f"{folder}.{name}" for folder, names in folders.items() for name in names.split()}
    return {
        f"fallline.{name}" for name in {"arrays", "dataclass", "errors", "limits", *folders, *own}
    }


# All of Fallline that one network trained on full batches may load
ONE_RUN = {
    "core": "activations backprop compact constants draws dropout initializers losses metrics "
    "network optimizers penalties rates samples temperature",
    "engine": "codes config functions layout library lookups loop orders own processor records "
    "threads tiny watch",
    "lesson": "truth_table",
    "training": "choice divergence history position run settings steps",
}


def test_one_small_run_imports_no_module_beyond_these() -> None:
    if library.shared() is None:
        pytest.skip("without its library the engine is compiled by Numba")
    beyond = loaded_by(TRAIN) - loaded_by("import dataclasses, importlib.util, numpy.typing, zlib")
    assert {name for name in beyond if not name.startswith("fallline.")} <= {
        "fallline",
        "encodings.ascii",  # /proc/cpuinfo
    }
    assert {name for name in beyond if name.startswith("fallline.")} == modules_of(ONE_RUN)


# All of Fallline that a small sweep may load: neither the training loop nor what it keeps
ONE_SWEEP = {
    "core": "activations backprop compact constants draws dropout initializers losses metrics "
    "network optimizers penalties rates samples splits",
    "engine": "codes config functions layout library lookups loop many orders own processor "
    "records threads tiny watch",
    "sweeps": "halving log result runs search settings",
    "training": "choice",
}


def test_a_small_sweep_imports_no_module_beyond_these() -> None:
    if library.shared() is None:
        pytest.skip("without its library the engine is compiled by Numba")
    beyond = loaded_by(SWEEP) - loaded_by("import numpy.typing")
    assert not beyond & {"numpy.ma", "pathlib", "decimal", "json"}
    assert {name for name in beyond if name.startswith("fallline.")} == modules_of(ONE_SWEEP)


def test_a_fit_imports_little_beside_scikit_learns_own_network() -> None:
    if library.shared() is None:
        pytest.skip("without its library the engine is compiled by Numba")
    theirs = loaded_by("from sklearn.neural_network import MLPClassifier")
    beyond = loaded_by(FIT) - theirs
    assert not beyond & (HEAVY | {"fallline.tabular.recipes", "fallline.core.schedules"})


def test_every_public_name_is_there() -> None:
    import fallline

    assert set(fallline.__all__) < set(dir(fallline))
    for name in dir(fallline):
        assert getattr(fallline, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = fallline.nonsense


def test_public_names_keep_their_meaning_after_their_module_is_imported() -> None:
    import fallline
    import fallline.distributed
    import fallline.engine
    import fallline.estimators
    import fallline.explaining.tracing
    import fallline.exporting.export
    import fallline.sweeps.search
    import fallline.training.run

    for name in fallline._WHERE:
        assert not inspect.ismodule(getattr(fallline, name)), name
