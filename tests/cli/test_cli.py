"""The command line as a user meets it: in a process of its own, output redirected."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pexpect
import polars as pl
import pytest

import fallline as fl

ROOT = Path(__file__).parents[2]
HOUSING = ROOT / "examples" / "housing.csv"
SHARED = ROOT.parent / "shared" / "data"
ADULT_NAMES = (
    "age,workclass,fnlwgt,education,education-num,marital-status,occupation,relationship,race,sex,"
    "capital-gain,capital-loss,hours-per-week,native-country,income"
)


# ---- demo


def test_demo_shows_the_run(cli) -> None:
    result = cli("demo")
    assert result.returncode == 0
    assert result.stderr == ""
    lines = result.stdout.split("\n")
    assert max(map(len, lines)) <= 80
    assert "Before training" in lines
    assert [line.split()[0] for line in lines if line.endswith("0.000084")] == ["19000"]
    assert "0 1 1       0    0.00001" in lines
    assert "1 1 1       1    0.98611" in lines
    assert "loss" in result.stdout
    assert "epoch)" in result.stdout  # the curve's axis


@pytest.mark.parametrize("published", [(), ("--as-published",)])
def test_demo_divergence_is_one_line(cli, published) -> None:
    result = cli("demo", "--learning-rate", "1e300", "--json", *published)
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert "learning_rate 1e+300 is too large here; try 1e+299" in result.stderr
    data = json.loads(result.stdout)
    assert data["after"][0]["predicted"] == data["before"][0]["predicted"]  # the best: the first


@pytest.mark.parametrize("seed", [0, 7, 99])
@pytest.mark.parametrize("published", [False, True])
def test_demo_json(cli, seed: int, published: bool) -> None:
    result = cli("demo", "--seed", seed, "--json", *(["--as-published"] if published else []))
    data = json.loads(result.stdout)
    assert set(data) == {"losses", "loss", "before", "after", "seconds"}
    assert [epoch for epoch, _ in data["losses"]] == list(range(0, 20_000, 1_000))
    assert data["loss"] == data["losses"][-1][1]
    assert [row["target"] for row in data["after"]] == [0, 1, 0]
    assert [row["predicted"] > 0.5 for row in data["after"]] == [False, True, False]
    assert data["before"] != data["after"]
    assert data["seconds"] > 0


def test_demo_as_published_says_why(cli) -> None:
    last = cli("demo", "--as-published", "--epochs", 2000).stdout.strip().split("\n")[-3:]
    assert "78 times higher" in last[0]
    assert "by 6 instead of 5" in last[2]
    assert max(map(len, last)) <= 80


def test_demo_options_reach_the_training(cli) -> None:
    data = json.loads(cli("demo", "--epochs", 1001, "--hidden", "4,3", "--json").stdout)
    assert [epoch for epoch, _ in data["losses"]] == [0, 1000]
    other = json.loads(
        cli("demo", "--epochs", 1001, "--hidden", "4,3", "--json", "--learning-rate", 0.1).stdout
    )
    assert other["losses"][0] == data["losses"][0]
    assert other["loss"] > data["loss"]
    assert json.loads(cli("demo", "--epochs", 0, "--json").stdout)["loss"] is None
    assert "3-1 network" in cli("demo", "--epochs", 10, "--hidden", 0).stdout


# ---- the command line itself


def test_words_and_options_are_completed(monkeypatch, cli) -> None:
    """What the shell's completion asks, as docs/commands.md turns it on."""
    monkeypatch.setenv("_FALLLINE_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "fallline tr")
    monkeypatch.setenv("COMP_CWORD", "1")
    assert cli().stdout.split() == ["plain,train", "plain,trace"]
    monkeypatch.setenv("COMP_WORDS", "fallline demo --see")
    monkeypatch.setenv("COMP_CWORD", "2")
    assert cli().stdout.split() == ["plain,--seed"]


def test_wrong_calls_say_what_is_meant(cli) -> None:
    for words, said in (
        (["demos"], "No such command 'demos'. Did you mean 'demo'?"),
        (["demo", "--sed", "1"], "No such option '--sed'. Did you mean '--seed'?"),
        (["demo", "--epochs", "abc"], "Invalid value for '--epochs': 'abc' is not a valid integer"),
        (["train", HOUSING], "Missing option '--target'"),
        (["train", "--target", "x"], "Missing argument 'TABLE...'"),
        (["demo", "3"], "Got unexpected extra argument (3)"),
    ):
        result = cli(*words)
        assert result.returncode == 2
        assert said in result.stderr
        assert result.stdout == ""


def test_help_shows_defaults_and_what_is_required(cli) -> None:
    words = " ".join(cli("train", "--help").stdout.split())
    assert "--target TEXT The column to predict. [required]" in words
    assert "[default: model.safetensors]" in words
    assert "--baseline / --no-baseline Compare with a linear model. [default: baseline]" in words
    assert "TABLE... CSV, TSV, JSON lines, Parquet or Excel" in words
    commands = cli("--help").stdout.split("Commands:\n")[1].splitlines()
    assert [line.split()[0] for line in commands[:3]] == ["demo", "train", "cv"]
    assert not [line for line in commands if line.endswith("...")]  # at 80 columns


# ---- trace, check, info


def test_trace_and_check_of_the_truth_table(cli) -> None:
    text = cli("trace").stdout
    assert "FORWARD  layer 1" in text
    data = json.loads(cli("trace", "--json", "--rows", 3).stdout)
    assert len(data["X"]) == 3
    good = cli("check")
    assert good.returncode == 0
    assert "passed" in good.stdout
    bad = cli("check", "--as-published")
    assert bad.returncode == 1
    assert bad.stderr == "fallline: the gradient is wrong in layer 1 and 2\n"
    assert "every entry is 0.8333 of the derivative" in bad.stdout


def test_trace_and_check_of_a_table(cli) -> None:
    args = (HOUSING, "--target", "median_house_value", "--hidden", "3", "--activation", "tanh")
    assert "identity(Z2)" in cli("trace", *args).stdout
    assert "passed" in cli("check", *args, "--method", "central").stdout
    data = json.loads(cli("check", *args, "--json").stdout)
    assert data["passed"]
    assert data["error"] < 1e-10


def test_trace_and_check_leave_columns_out_and_weigh_rows(cli) -> None:
    args = (HOUSING, "--target", "median_house_value", "--rows", 4, "--json")
    plain = json.loads(cli("trace", *args).stdout)
    fewer = json.loads(cli("trace", *args, "--ignore", "ocean_proximity").stdout)
    assert len(fewer["X"][0]) < len(plain["X"][0])
    weighed = json.loads(cli("trace", *args, "--weights", "households").stdout)
    assert len(set(weighed["shares"])) > 1
    assert sum(weighed["shares"]) == pytest.approx(1.0)
    checked = cli("check", *args, "--weights", "households", "--ignore", "ocean_proximity")
    assert json.loads(checked.stdout)["passed"]


# ---- train, predict, evaluate


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    command = [sys.executable, "-m", "fallline", "train", HOUSING, "--target"]
    command += ["median_house_value", "-o", "housing.safetensors", "--epochs", "30", "--json"]
    result = subprocess.run(
        [str(part) for part in command], cwd=folder, capture_output=True, text=True, check=True
    )
    (folder / "summary.json").write_text(result.stdout)
    return folder / "housing.safetensors"


def test_train_summary(trained: Path) -> None:
    data = json.loads((trained.parent / "summary.json").read_text())
    assert data["task"] == "numbers"
    assert data["rows"] == data["training_rows"] == 2000
    assert (data["validation_rows"], data["folds"]) == (0, 4)
    scores = data["scores"]["out_of_fold"]
    assert scores["network"]["r2"] > scores["linear"]["r2"] > 0.5
    assert scores["trivial"]["r2"] < 0.01
    assert {"name": "median_income", "kind": "number"}.items() <= data["columns"][6].items()
    assert data["source"] == "housing.csv"
    assert data["best_epoch"] <= data["epochs"] <= 30


def test_train_text(cli) -> None:
    result = cli("train", HOUSING, "--target", "ocean_proximity", "--epochs", 3, "--hidden", "8")
    assert result.returncode == 0, result.stderr
    for part in (
        "2,000 rows (",
        "4 classes: <1H OCEAN, INLAND, NEAR BAY, NEAR OCEAN",
        "median_income",
        "missing marked",
        "validation loss",
        "trivial guess",
        "softmax regression",
        "next: ",
        "model.safetensors written",
    ):
        assert part in result.stdout
    assert max(map(len, result.stdout.split("\n"))) <= 100
    quiet = cli("train", HOUSING, "--target", "ocean_proximity", "--epochs", 1, "-q").stdout
    assert quiet.startswith("model.safetensors: out of fold log loss ")
    assert quiet.count("\n") == 1


def test_a_time_limit_chooses_the_preset(cli, tmp_path: Path) -> None:
    table = tmp_path / "few.csv"
    rows = [f"{i % 7},{i * i % 11},{i % 2}" for i in range(80)]
    table.write_text("\n".join(["a,b,odd", *rows]))
    command = ["train", table, "--target", "odd", "--epochs", 3, "-o", "m.safetensors"]
    assert "parameters, preset best\n" in cli(*command, "--time", "10m").stdout
    assert "parameters, preset standard\n" in cli(*command, "--time", "0.001s").stdout
    assert "parameters, preset quick\n" in cli(*command, "--time", "9m", "--preset", "quick").stdout
    assert "parameters\n" in cli(*command).stdout
    assert sorted(p.name for p in tmp_path.glob("*.safetensors")) == ["m.safetensors"]


def test_training_repeats_with_the_seed(cli, tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        cli(
            "train", HOUSING, "--target", "median_income", "--epochs", 2, "--seed", seed, "-o", name
        )
    a, b, c = (fl.load(tmp_path / name).parameters for name in "abc")
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, c)


def test_predict_writes_a_line_per_row(cli, trained: Path, tmp_path: Path) -> None:
    shown = cli("predict", trained, HOUSING)
    assert shown.returncode == 0, shown.stderr
    rows = list(csv.DictReader(shown.stdout.splitlines()))
    assert len(rows) == 2000
    cli("predict", trained, HOUSING, "-o", "out.csv")
    assert (tmp_path / "out.csv").read_text() == shown.stdout
    truth = [
        float(row["median_house_value"]) for row in csv.DictReader(HOUSING.read_text().splitlines())
    ]
    predicted = np.array([float(row["prediction"]) for row in rows])
    assert 1 - np.mean((predicted - truth) ** 2) / np.var(truth) > 0.6


def test_predict_needs_no_target(cli, trained: Path, tmp_path: Path) -> None:
    rows = list(csv.reader(HOUSING.read_text().splitlines()))
    at = rows[0].index("median_house_value")
    with (tmp_path / "new.csv").open("w", newline="") as file:
        csv.writer(file).writerows([row[:at] + row[at + 1 :] for row in rows[:50]])
    result = cli("predict", trained, "new.csv")
    assert len(result.stdout.splitlines()) == 50
    alone, among_others = (
        np.array(each.stdout.splitlines()[1:50], float)
        for each in (result, cli("predict", trained, HOUSING))
    )
    # BLAS adds up in another order for another number of rows
    np.testing.assert_allclose(alone, among_others, rtol=1e-6)


def test_predict_lacking_a_column(cli, trained: Path, tmp_path: Path) -> None:
    (tmp_path / "short.csv").write_text("longitude,latitud\n-122,37\n")
    result = cli("predict", trained, "short.csv", "-o", "out.csv")
    assert result.returncode == 1
    assert "short.csv" in result.stderr
    assert "latitude" in result.stderr
    assert "median_income" in result.stderr
    assert len(result.stderr.strip().split("\n")) <= 2
    assert not (tmp_path / "out.csv").exists()


def test_evaluate(cli, trained: Path, tmp_path: Path) -> None:
    result = cli("evaluate", trained, HOUSING)
    assert "R2" in result.stdout
    assert "95 % interval" in result.stdout
    assert "farthest off: " in result.stdout
    data = json.loads(cli("evaluate", trained, HOUSING, "--json").stdout)
    assert data["rows"] == 2000
    low, high = data["intervals"]["r2"]
    assert low < data["scores"]["r2"] < high
    assert data["scores"]["r2"] > 0.6
    lines = HOUSING.read_text().splitlines()
    at = lines[0].split(",").index("median_house_value")
    gap = lines[1].split(",")
    gap[at] = ""
    (tmp_path / "gap.csv").write_text("\n".join([lines[0], ",".join(gap), *lines[2:20]]))
    assert json.loads(cli("evaluate", trained, "gap.csv", "--json").stdout)["set_aside"] == 1


def test_predict_carries_columns_and_writes_parquet(cli, trained: Path, tmp_path: Path) -> None:
    result = cli("predict", trained, HOUSING, "--columns", "latitude", "-o", "p.parquet")
    assert result.returncode == 0, result.stderr
    frame = pl.read_parquet(tmp_path / "p.parquet")
    assert frame.columns == ["latitude", "prediction"]
    again = cli("predict", trained, HOUSING)
    assert [float(x) for x in again.stdout.split()[1:]] == frame["prediction"].to_list()
    wrong = cli("predict", trained, HOUSING, "--write", "probabilities")
    assert wrong.returncode == 2
    assert "no probabilities" in wrong.stderr
    wrong = cli("predict", trained, HOUSING, "--columns", "latitud")
    assert "did you mean 'latitude'" in wrong.stderr


def test_predict_as_json(cli, trained: Path, tmp_path: Path) -> None:
    shown = [json.loads(line) for line in cli("predict", trained, HOUSING, "--json").stdout.split()]
    told = cli("predict", trained, HOUSING, "-o", "p.jsonl", "--json")
    assert json.loads(told.stdout)["rows"] == len(shown) == 2000
    assert told.stderr == ""
    assert [json.loads(line) for line in (tmp_path / "p.jsonl").read_text().split()] == shown
    assert list(shown[0]) == ["prediction"]
    told = cli("predict", trained, HOUSING, "-o", "p.csv")
    assert "\np.csv: 2,000 rows predicted, " in told.stderr  # below what is new to the model
    assert cli("predict", trained, HOUSING, "-o", "p.csv", "-q").stderr == ""


def test_quiet_and_seed_where_nothing_is_trained(cli, trained: Path) -> None:
    assert cli("check", "--quiet").stdout == ""
    wrong = cli("check", "--quiet", "--as-published")
    assert wrong.returncode == 1
    assert "layer 2" in wrong.stdout
    assert len(cli("demo", "--quiet", "--epochs", "100").stdout.splitlines()) == 5
    one, other, again = (
        json.loads(cli("evaluate", trained, HOUSING, "--json", "--seed", seed).stdout)
        for seed in ("1", "2", "1")
    )
    assert one == again
    assert one["scores"] == other["scores"]
    assert one["intervals"] != other["intervals"]


def test_a_pipe_of_commands(tmp_path: Path) -> None:
    me = f"{sys.executable} -m fallline"
    command = (
        f"gzip -c {HOUSING} | {me} train - --target ocean_proximity --preset quick -q -o m > told "
        "&& "
        f"cat {HOUSING} | {me} predict m - --write labels | sort | uniq -c"
    )
    result = subprocess.run(
        command, shell=True, capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert result.stderr == ""
    counts = {
        line.split(maxsplit=1)[1]: int(line.split()[0]) for line in result.stdout.splitlines()
    }
    assert counts["INLAND"] > 500
    assert sum(counts.values()) == 2001


def test_validation_and_test_files(cli, tmp_path: Path) -> None:
    lines = HOUSING.read_text().splitlines()
    for name, part in (("a", lines[1:800]), ("b", lines[800:1300]), ("c", lines[1300:])):
        (tmp_path / f"{name}.csv").write_text("\n".join([lines[0], *part]))
    args = ("--target", "median_house_value", "--epochs", 5, "--json")
    data = json.loads(
        cli("train", "a.csv", "b.csv", *args, "--validation", "b.csv", "--test", "c.csv").stdout
    )
    assert (data["training_rows"], data["validation_rows"], data["test_rows"]) == (1299, 500, 701)
    assert data["source"] == "a.csv and 1 more"
    again = json.loads(
        cli("train", "[ab].csv", *args, "--validation", "b.csv", "--test", "c.csv").stdout
    )
    assert again["scores"] == data["scores"]
    assert set(data["scores"]) == {"validation", "test"}


def test_cv(cli, tmp_path: Path) -> None:
    args = ("cv", HOUSING, "--target", "ocean_proximity", "--folds", 3, "--preset", "quick")
    result = cli(*args, "-o", "oof.csv", "--repeats", 2)
    assert result.returncode == 0, result.stderr
    assert "2,000 rows in 3 folds, 2 times" in result.stdout
    assert "softmax regression" in result.stdout
    rows = list(csv.DictReader((tmp_path / "oof.csv").read_text().splitlines()))
    assert sorted(int(row["line"]) for row in rows if row["repeat"] == "2") == list(range(2, 2002))
    data = json.loads(cli(*args, "--json").stdout)
    first = [row for row in rows if row["repeat"] == "1"]
    right = np.mean([row["actual"] == row["prediction"] for row in first])
    assert data["scores"]["network"]["accuracy"]["mean"] == pytest.approx(right, abs=1e-3)
    assert len(data["by_fold"]) == 3


def test_info(cli, trained: Path) -> None:
    text = cli("info", trained).stdout
    assert "median_house_value" in text
    data = json.loads(cli("info", trained, "--json").stdout)
    assert data["network"].endswith("-512-512-1") or data["network"].endswith("-520-520-1")
    assert data["kind"] == "model"


def test_a_model_without_a_table_cannot_predict(cli, tmp_path: Path) -> None:
    fl.save(fl.Network([2, 1], loss="huber"), tmp_path / "plain.safetensors")
    result = cli("predict", "plain.safetensors", HOUSING)
    assert result.returncode == 1
    assert "not trained from a table" in result.stderr


@pytest.mark.skipif(not SHARED.exists(), reason="the shared data tables are not beside the clone")
class TestRealTables:
    def test_adult(self, cli) -> None:
        read = ("--no-header", "--names", ADULT_NAMES)
        made = cli("train", SHARED / "adult-train.csv", "--target", "income", *read, "--epochs", 3)
        assert made.returncode == 0, made.stderr
        assert "2 classes: <=50K, >50K" in made.stdout
        tested = cli("evaluate", "model.safetensors", SHARED / "adult-test.csv", *read, "--json")
        data = json.loads(tested.stdout)
        assert data["rows"] == 16_281
        assert data["scores"]["accuracy"] > 0.84
        assert "dot at the end" in data["notes"][0]
        predicted = cli("predict", "model.safetensors", SHARED / "adult-test.csv", *read)
        assert predicted.stdout.startswith("prediction,probability of <=50K,probability of >50K\n")

    def test_california(self, cli) -> None:
        args = ("--target", "median_house_value", "--epochs", 8, "--json")
        made = cli("train", SHARED / "california_housing.csv", *args)
        assert json.loads(made.stdout)["scores"]["out_of_fold"]["network"]["r2"] > 0.7

    def test_titanic(self, cli) -> None:
        made = cli("train", SHARED / "titanic_train.csv", "--target", "Survived", "--json")
        data = json.loads(made.stdout)
        assert data["task"] == "binary"
        assert data["scores"]["out_of_fold"]["network"]["accuracy"] > 0.7
        assert any("'Name' is set aside" in note for note in data["notes"])


# ---- what goes wrong

BAD_TABLES = {
    "empty.csv": (b"", "empty"),
    "header.csv": (b"a,b\n", "no rows|header"),
    "ragged.csv": (b"a,b\n1,2\n3\n", "line 3"),
    "latin.csv": (b"a,b\ncaf\xe9,2\n", "UTF-8"),
    "twice.csv": (b"a,a\n1,2\n", "a"),
    "one_class.csv": (b"a,b\n1,x\n2,x\n3,x\n4,x\n", "one class|only one"),
    "stray.csv": (
        b"a,b\n" + b"".join(b"%d,%d.5\n" % (i, i * i) for i in range(30)) + b"oops,7\n",
        "line 32.*'oops'|'oops'.*line 32",
    ),
    "infinite.csv": (b"a,b\n" + b"1,2\n2,3\n" * 20 + b"inf,7\n", "line 42"),
    "no_target.csv": (b"a,c\n1,2\n", "'b'"),
}


@pytest.mark.parametrize("name", BAD_TABLES)
def test_bad_tables(cli, tmp_path: Path, name: str) -> None:
    content, message = BAD_TABLES[name]
    (tmp_path / name).write_bytes(content)
    result = cli("train", name, "--target", "b", "-o", "never.safetensors")
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.startswith("fallline: ")
    assert name in result.stderr
    assert re.search(message, result.stderr.replace("\n", " ")), result.stderr
    assert len(result.stderr.strip().split("\n")) <= 2
    assert not (tmp_path / "never.safetensors").exists()


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (("train", "nothing.csv", "--target", "b"), 1, "nothing.csv"),
        (("train", ".", "--target", "b"), 1, "folder|directory"),
        (("train", HOUSING, "--target", "median_house_valu"), 1, "median_house_value"),
        (("train", HOUSING, "--target", "median_income", "-o", "no/m"), 1, "no folder no"),
        (("train", HOUSING, "--target", "median_income", "-o", "."), 1, "folder"),
        (("train", HOUSING, "--target", "median_income", "--epochs", "-1"), 2, "epochs must be"),
        (("train", HOUSING, "--target", "median_income", "--hidden", "a"), 2, "--hidden"),
        (("train", HOUSING, "--target", "median_income", "--learning-rate", "0"), 2, "above 0"),
        (("train", HOUSING, "--target", "median_income", "--activation", "rel"), 2, "relu"),
        (("train", HOUSING, "--target", "median_income", "--task", "regress"), 2, "numbers"),
        (("train", HOUSING, "--target", "median_income", "--types", "a"), 2, "--types"),
        (("train", HOUSING, "--target", "median_income", "--validation", "1"), 2, "below 1"),
        (("train", HOUSING, "--target", "median_income", "--validation", "n.csv"), 2, "a share"),
        (("train", HOUSING, "--target", "median_income", "--test", "-1"), 2, "test must be"),
        (("train", HOUSING, "--target", "median_income", "--preset", "bst"), 2, "'best'"),
        (("train", HOUSING, "--target", "median_income", "--optimizer", "x"), 2, "adamw"),
        (("train", HOUSING, "--target", "median_income", "--schedule", "cos"), 2, "cosine"),
        (("train", HOUSING, "--target", "median_income", "--ignore", "x"), 1, "no column 'x'"),
        (("train", HOUSING, "--target", "median_income", "--weights", "x"), 1, "no column 'x'"),
        (("train", HOUSING, "--target", "median_income", "--class-weight", "balanced"), 1, "clas"),
        (("train", HOUSING, "--target", "ocean_proximity", "--class-weight", "no"), 2, "balanced"),
        (("train", HOUSING, "--target", "median_income", "--checkpoint-every", "0"), 2, "at least"),
        (("cv", HOUSING, "--target", "median_income", "--folds", "1"), 2, "folds must be"),
        (("cv", HOUSING, "--target", "median_income", "--groups", "x"), 1, "no column 'x'"),
        (("cv", HOUSING, "--target", "median_income", "-o", "no/x.csv"), 1, "no folder no"),
        (("predict", HOUSING, HOUSING, "--write", "x"), 2, "labels"),
        (("train", HOUSING), 2, "--target"),
        (("predict", "nothing.safetensors", HOUSING), 1, "no such file"),
        (("predict", HOUSING, HOUSING), 1, "not a safetensors|truncated"),
        (("demo", "--learning-rate", "-1"), 2, "learning_rate must be a number above 0"),
        (("demo", "--hidden", "0,2"), 2, "--hidden must be"),
        (("demo", "--seed", "x"), 2, "seed"),
        (("trace", HOUSING), 2, "--target"),
        (("trace", "--row", "2"), 2, "add --model"),
        (("trace", "--model", "no.safetensors"), 2, "a TABLE is needed"),
        (("trace", HOUSING, "--model", "no.safetensors"), 1, "no such file"),
        (("check", "--as-published", "--activation", "tanh"), 2, "sigmoid"),
        (("nonsense",), 2, "nonsense"),
        (("demo", "--nonsense"), 2, "nonsense"),
    ],
)
def test_wrong_calls(cli, args, code, message) -> None:
    result = cli(*args)
    assert result.returncode == code, result.stderr
    assert "Traceback" not in result.stderr
    assert re.search(message, result.stderr), result.stderr


def test_a_rows_way_through_a_model(cli, trained: Path) -> None:
    result = cli("trace", HOUSING, "--model", trained, "--row", 2)
    text = result.stdout
    assert text.startswith("ROW 2  "), result.stderr
    assert "line 3\n" in text
    assert "LAYER 1  a = relu(z)" in text
    assert "PREDICTION  of median_house_value\nprediction: " in text
    data = json.loads(cli("trace", HOUSING, "--model", trained, "--row", 2, "--json").stdout)
    one = cli("predict", trained, HOUSING).stdout.splitlines()[2]
    assert data["prediction"]["prediction"] == pytest.approx(float(one.split(",")[0]))


def test_divergence_is_told_and_the_best_is_kept(cli, tmp_path: Path) -> None:
    result = cli(
        "train", HOUSING, "--target", "median_income", "--learning-rate", 1e30, "--epochs", 5
    )
    assert result.returncode == 1
    assert "learning_rate 1e+30 is too large here; try 1e+29" in result.stderr
    assert np.isfinite(fl.load(tmp_path / "model.safetensors").parameters).all()


def test_a_closed_pipe_is_no_error() -> None:
    command = f"{sys.executable} -m fallline demo --epochs 1000 | head -1"
    result = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert result.stderr == ""
    assert result.stdout.startswith("The truth table")


@pytest.mark.parametrize(
    "command", ["demo", "train", "cv", "predict", "evaluate", "trace", "check", "info"]
)
def test_help_has_an_example(cli, command: str) -> None:
    result = cli(command, "--help")
    assert result.returncode == 0
    assert f"Example: fallline {command}" in result.stdout
    assert max(map(len, result.stdout.split("\n"))) <= 80
    assert command in cli("--help").stdout


def test_version(cli) -> None:
    assert cli("--version").stdout.strip() == fl.__version__


def terminal(tmp_path: Path, *args: str) -> pexpect.spawn:
    return pexpect.spawn(
        sys.executable,
        ["-m", "fallline", *args],
        cwd=str(tmp_path),
        dimensions=(40, 80),
        encoding="utf-8",
        timeout=60,
        env=os.environ | {"TERM": "xterm"},
    )


def test_the_bar_in_a_real_terminal(tmp_path: Path) -> None:
    child = terminal(tmp_path, "train", str(HOUSING), "--target", "median_income", "--epochs", "60")
    child.expect(r"epoch \d+/60 .*loss \d\.\d+, validation R2 .* left")
    child.expect(r"model\.safetensors written")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0


def test_ctrl_c_keeps_the_best_so_far(tmp_path: Path) -> None:
    child = terminal(
        tmp_path,
        "train",
        str(HOUSING),
        "--target",
        "median_income",
        "--epochs",
        "100000",
        "--patience",
        "100000",
    )
    child.expect(r"epoch \d+/100000 .*validation R2")
    child.sendintr()
    child.expect(r"interrupted; model\.safetensors holds the best parameters so far")
    child.expect("the same command with --resume continues")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 130
    assert fl.load(tmp_path / "model.safetensors").n_parameters > 0


# ---- sweep


def test_sweep(cli, tmp_path: Path) -> None:
    lines = [f"{i % 7},{i % 5},{'yes' if i % 7 > 3 else 'no'}" for i in range(80)]
    (tmp_path / "t.csv").write_text("\n".join(["a,b,y", *lines]))
    grid = "hidden=2|4,3 learning_rate=0.01..0.1:log2 epochs=10 schedule=cosine"
    command = ["sweep", "t.csv", "--target", "y", "--grid", grid, "--seeds", "3"]
    done = cli(*command, "-o", "runs.csv", "--model", "m.safetensors", "--log", "log.jsonl")
    assert done.returncode == 0, done.stderr
    assert "12 runs" in done.stdout
    assert (tmp_path / "runs.csv").read_text().count("\n") == 13
    assert cli("predict", "m.safetensors", "t.csv").stdout.count("\n") == 81
    found = json.loads(cli(*command, "--json", "--log", "log.jsonl").stdout)
    assert found["runs"] == 12
    assert len(found["summary"]) == 4


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ("hidden", "write name=value"),
        ("hiden=2", "there are hidden"),
        ("learning_rate=x", "write a number"),
        ("learning_rate=1..2:logx", "write a number"),
        ("hidden=-1", "hidden"),
    ],
)
def test_a_grid_that_cannot_be_read(grid: str, message: str, cli, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,y\n" + "".join(f"{i % 3},{i % 2}\n" for i in range(20)))
    done = cli("sweep", "t.csv", "--target", "y", "--grid", grid)
    assert done.returncode != 0
    assert message in done.stderr
    assert done.stderr.count("\n") <= 2


# ---- play


def test_play_serves_its_page_until_it_is_interrupted(tmp_path) -> None:
    import http.client

    command = [sys.executable, "-m", "fallline", "play", "--no-browser"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        host, _, _ = process.stdout.readline().split("http://")[1].strip().partition("/")
        page = http.client.HTTPConnection(host, timeout=20)
        page.request("GET", "/")
        assert b"Fallline playground" in page.getresponse().read()
        page.close()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 0
    finally:
        process.kill()
        process.communicate()


def test_page_writes_one_file(cli, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(
        "a,b,y\n" + "".join(f"{i},{i % 3},{i % 2}\n" for i in range(30))
    )
    done = cli("page")
    assert done.stdout.startswith("playground.html written, ")
    assert b"Fallline playground" in (tmp_path / "playground.html").read_bytes()
    told = json.loads(cli("page", "t.csv", "--target", "y", "-o", "t.html", "--json").stdout)
    assert (tmp_path / "t.html").stat().st_size == told["bytes"]
    assert 'id="part-rows"' in (tmp_path / "t.html").read_text()
    for arguments, message in [
        (["t.csv"], "belong together"), (["t.csv", "--target", "x"], "'x'"),
        (["-o", "none/t.html"], "no folder"),
        (["t.csv", "--target", "y", "-o", "t.csv"], "read here"),
    ]:  # fmt: skip
        result = cli("page", *arguments)
        assert result.returncode in (1, 2)
        assert message in result.stderr
        assert result.stderr.count("\n") <= 2


def test_play_says_what_is_wrong(cli) -> None:
    for arguments, message in [
        (["--host", "0.0.0.0"], "add --allow-others"),
        (["--port", "70000"], "--port must be a whole number from 0 to 65535"),
        (["none.csv", "--target", "y"], "there is no such file"),
    ]:
        result = cli("play", "--no-browser", *arguments)
        assert result.returncode in (1, 2)
        assert message in result.stderr
        assert "Traceback" not in result.stderr
