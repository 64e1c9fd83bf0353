"""An exported model predicts what Fallline predicts, by itself."""

import csv
import datetime
import json
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fallline as fl
from fallline.core.activations import ACTIVATIONS

EXAMPLES = Path(__file__).parents[2] / "examples"


def imported(path: Path) -> Any:
    module = types.ModuleType("exported")
    exec(compile(path.read_text(), path.name, "exec"), module.__dict__)
    return module


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def exported(model: Any, folder: Path) -> Any:
    fl.export(model, folder / "model.py", proof=False)
    return imported(folder / "model.py")


@pytest.fixture(scope="module")
def strange(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Numbers, texts, dates with and without a time of day, and gaps in each."""
    rng = np.random.default_rng(3)
    path = tmp_path_factory.mktemp("table") / "strange.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["when", "day", "zone", "size", "kind", "flag", "odd, name", "y"])
        for i in range(300):
            moment = datetime.datetime(2021, 1, 5) + datetime.timedelta(hours=37.3 * i)
            size = rng.normal(5, 2)
            row = [
                moment.isoformat(" ", "milliseconds"),
                moment.strftime("%d.%m.%Y"),
                moment.strftime("%Y-%m-%dT%H:%M:%S+02:00"),
                f"{size:.3e}" if i % 3 else f" {size:.2f} ",
                ["oak", "ash", "élan", "x" * (i % 7 + 1)][i % 4],
                i % 2,
                rng.integers(0, 5),
            ]
            for j in range(len(row)):
                if rng.random() < 0.06:
                    row[j] = ["", "NA", "?"][i % 3]
            writer.writerow([*row, ["no", "yes"][int(size > 5)]])
    return path


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("target", ["median_house_value", "ocean_proximity"])
def test_it_agrees_on_a_real_table(target: str, dtype: str, tmp_path: Path) -> None:
    compare(EXAMPLES / "housing.csv", target, dtype, tmp_path)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("target", ["y", "kind", "size"])
def test_it_agrees_on_dates_texts_and_gaps(
    strange: Path, target: str, dtype: str, tmp_path: Path
) -> None:
    compare(strange, target, dtype, tmp_path)


def compare(path: Path, target: str, dtype: str, folder: Path) -> None:
    table = fl.read_table(str(path))
    model = fl.train_table(table, target, preset="quick", hidden=[9, 5], epochs=3, baseline=False)
    model.network = model.network.copy(dtype)
    close = {"rtol": 1e-12, "atol": 1e-12} if dtype == "float64" else {"rtol": 1e-6, "atol": 1e-6}
    expected = model.predict(table)
    module = exported(model, folder)
    rows = rows_of(path)
    if expected.probabilities is None:
        scale = model.encoding.target_scale
        found = np.array(module.predict(rows))
        assert np.allclose(found / scale, expected.values / scale, **close)
        return
    shares = module.probabilities(rows)
    assert list(shares[0]) == expected.classes
    found = np.array([list(row.values()) for row in shares])
    assert np.allclose(found, expected.probabilities, **close)
    surest = np.sort(expected.probabilities, axis=1)
    clear = surest[:, -1] - surest[:, -2] > 1e-5
    labels = np.array(module.predict(rows), dtype=object)
    assert (labels[clear] == expected.values[clear]).all()


def test_numbers_and_dates_need_not_be_texts(strange: Path, tmp_path: Path) -> None:
    model = fl.train_table(fl.read_table(str(strange)), "y", preset="quick", epochs=2)
    module = exported(model, tmp_path)
    row: dict[str, Any] = rows_of(strange)[7]
    moment = datetime.datetime.fromisoformat(row["when"]).replace(microsecond=0)
    texts = row | {"when": moment.isoformat(" "), "size": "4.5", "flag": "1", "odd, name": "NA"}
    values = texts | {
        "when": moment,
        "size": np.float64(4.5),
        "flag": 1,
        "odd, name": float("nan"),
        "unused": object(),
    }
    assert module.probabilities([texts]) == module.probabilities([values])
    assert module.predict([]) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"size": "big"}, "row 2, column 'size': 'big' is not a number"),
        ({"size": 1e400}, "row 2, column 'size': inf is too large"),
        ({"day": "31.02.2021"}, "row 2, column 'day': '31.02.2021' is not a date"),
        ({"day": "05/01/2021"}, "row 2, column 'day': '05/01/2021' is not a date"),
    ],
)
def test_a_row_that_cannot_be_used_is_named(
    strange: Path, tmp_path: Path, change: dict[str, Any], told: str
) -> None:
    model = fl.train_table(fl.read_table(str(strange)), "y", preset="quick", epochs=1)
    module = exported(model, tmp_path)
    row = rows_of(strange)[0]
    with pytest.raises(ValueError, match=told.replace("(", r"\(")):
        module.predict([row, row | change])
    del row["size"]
    with pytest.raises(ValueError, match="row 1, column 'size': the row has no such column"):
        module.predict([row])


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("activation", list(ACTIVATIONS))
@pytest.mark.parametrize("loss", ["binary_cross_entropy", "cross_entropy", "poisson", "huber"])
def test_a_network_without_a_table(
    activation: str, loss: str, dtype: str, tmp_path: Path, rng: np.random.Generator
) -> None:
    n_outputs = 3 if loss == "cross_entropy" else 1
    network = fl.Network([4, 6, n_outputs], hidden=activation, loss=loss, seed=1, dtype=dtype)
    network.parameters = rng.normal(size=network.n_parameters)
    X = rng.normal(0, 3, size=(50, 4)).astype(dtype)
    module = exported(network, tmp_path)
    close = 1e-12 if dtype == "float64" else 2e-5
    output = network.predict_proba(X)
    assert np.allclose(module.forward(X), output, rtol=close, atol=close)
    if network.loss.task == "numbers":
        assert np.allclose(module.predict(X.tolist()), output[:, 0], rtol=close, atol=close)
    else:
        assert module.predict(X.tolist()) == network.predict(X).tolist()
    with pytest.raises(ValueError, match="each row must be 4 finite numbers"):
        module.predict([[1.0, 2.0]])


def test_it_needs_numpy_only(strange: Path, tmp_path: Path) -> None:
    model = fl.train_table(fl.read_table(str(strange)), "y", preset="quick", epochs=1)
    fl.export(model, tmp_path / "model.py")
    (tmp_path / "row.json").write_text(json.dumps(rows_of(strange)[:3]))
    code = (
        "import sys, json\n"
        "for name in ('fallline', 'scipy', 'polars', 'numba', 'safetensors'):\n"
        "    sys.modules[name] = None\n"
        "import model\nprint(model.predict(json.load(open('row.json'))))\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert result.stdout.startswith("['")
    assert result.stderr == ""


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_json_holds_the_same_numbers(tmp_path: Path, dtype: str) -> None:
    network = fl.Network([3, 4, 2], loss="cross_entropy", seed=5, dtype=dtype)
    fl.export(network, tmp_path / "m.json")
    facts = json.loads((tmp_path / "m.json").read_text())
    assert facts["network"] == {"sizes": [3, 4, 2], "loss": "cross_entropy", "dtype": dtype}
    assert [layer["activation"] for layer in facts["layers"]] == ["relu", "softmax"]
    for layer, written in zip(network.layers, facts["layers"], strict=True):
        assert np.array_equal(np.array(written["W"], dtype), layer.W)
        assert np.array_equal(np.array(written["b"], dtype), layer.b)
    assert facts["encoding"] is None


def test_the_command(cli, strange: Path, tmp_path: Path) -> None:
    args = ("train", strange, "--target", "y", "--epochs", 2, "-o", "m.safetensors", "-q")
    assert cli(*args).returncode == 0
    done = cli("export", "m.safetensors", "m.py")
    assert done.returncode == 0
    written, proven = done.stdout.splitlines()
    assert written.startswith("m.py written, ")
    assert proven.startswith("proven on 1,000 rows made up from the encoding")
    said = cli("predict", "m.safetensors", strange, "--write", "labels").stdout.split()[1:]
    assert imported(tmp_path / "m.py").predict(rows_of(strange)) == said
    told = json.loads(cli("export", "m.safetensors", "m.json", "--json").stdout)
    assert told == {
        "output": "m.json",
        "files": ["m.json"],
        "bytes": (tmp_path / "m.json").stat().st_size,
        "format": "json",
        "proven": True,
        "rows": 1000,
        "difference": 0.0,
        "why_not": None,
    }
    facts = json.loads((tmp_path / "m.json").read_text())
    assert facts["encoding"]["target"] == "y"
    assert facts["training"]["rows"] == 300
    assert cli("export", "m.safetensors", "m.py", "--quiet").stdout == ""
    said = cli("export", "m.safetensors", "-o", "m.sql", "--table", "shop.t", "--no-proof")
    assert said.stdout.splitlines()[1] == "not proven, as asked (--no-proof)"
    assert 'FROM "shop"."t" AS t' in (tmp_path / "m.sql").read_text()
    for args in ((), ("m.py", "-o", "m.sql")):
        assert "say once where to write" in cli("export", "m.safetensors", *args).stderr
    wrong = cli("export", "m.safetensors", "m.pickle")
    assert wrong.returncode == 2
    assert "must be .py, " in wrong.stderr
    for bad in (("none.safetensors", "m.py"), ("m.safetensors", "none/m.py")):
        failed = cli("export", *bad)
        assert failed.returncode == 1
        assert "Traceback" not in failed.stderr


def test_what_cannot_be_exported_is_told(tmp_path: Path) -> None:
    fl.register_activation("cube", lambda Z: Z**3, lambda Z, A: 3 * Z**2)
    network = fl.Network([1, 2, 1], hidden="cube", loss="squared_error", seed=0)
    with pytest.raises(fl.ParameterError, match="'cube' is one of your own"):
        fl.export(network, tmp_path / "m.py")
    assert fl.export(network, tmp_path / "m.json").size > 0
    keep = fl.Checkpoint(tmp_path / "c.safetensors", every=1)
    plain = fl.Network([1, 2, 1], loss="squared_error", seed=0)
    fl.train(plain, [[0.0], [1.0]], [0.0, 1.0], epochs=2, checkpoint=keep)
    with pytest.raises(fl.ModelFileError, match="checkpoint of a run under way"):
        fl.export(tmp_path / "c.safetensors", tmp_path / "m.py")


def test_values_letters_months_and_the_range_of_the_target(tmp_path: Path) -> None:
    """What text files write in their own ways: True and true, 2 and 2.0, C85, 15-Mar-2021."""
    rng = np.random.default_rng(0)
    rows = [
        (
            str(bool(i % 2)),
            f"{'ABC'[i % 3]}{i}" if i % 4 else "",
            (datetime.date(2021, 1, 1) + datetime.timedelta(days=i)).strftime("%d-%b-%Y"),
            f"{1000 + rng.normal() * 300:,.2f}",
            f"{i % 2 * 3 + i % 3 + rng.normal() / 10:.3f}",
        )
        for i in range(200)
    ]
    with (tmp_path / "t.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("flag", "cabin", "day", "size", "y"), *rows])
    table = fl.read_table(tmp_path / "t.csv")
    model = fl.train_table(table, "y", preset="quick", baseline=False)
    module = exported(model, tmp_path)
    given = [
        {"flag": flag, "cabin": cabin, "day": day, "size": float(size.replace(",", ""))}
        for flag, cabin, day, size, _ in rows
    ]
    expected = model.predict(table).values
    np.testing.assert_allclose(module.predict(given), expected, rtol=1e-4, atol=1e-6)
    respelled = [
        row
        | {
            "flag": row["flag"] == "True",
            "day": datetime.datetime.strptime(row["day"], "%d-%b-%Y").date(),
        }
        for row in given
    ]
    np.testing.assert_allclose(module.predict(respelled), expected, rtol=1e-4, atol=1e-6)
    low, high = model.ends()
    wild = module.predict([given[0] | {"size": 1e9}, given[0] | {"size": -1e9}])
    assert all(low <= value <= high for value in wild)
    with pytest.raises(ValueError, match="row 1, column 'size': '1,234.5' is not a number"):
        module.predict([given[0] | {"size": "1,234.5"}])
