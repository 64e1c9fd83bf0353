"""The commands and their options, and the one place where errors become a line and an exit code."""

import os
import sys
from typing import Annotated, Any

import typer

from fallline.errors import FalllineError, ParameterError

__all__ = ["app", "main"]

DONE, FAILED, WRONG_USAGE = 0, 1, 2

app = typer.Typer(
    name="fallline",
    help="Train small neural networks by gradient descent, with every step visible and checked.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print the result only.")]
Seed = Annotated[int, typer.Option(help="Of every random draw: weights, split, shuffling.")]
Epochs = Annotated[int, typer.Option(help="Passes over the rows.")]
Tables = Annotated[
    list[str],
    typer.Argument(
        metavar="TABLE",
        help="CSV, TSV, JSON lines, Parquet or Excel; packed too; - for standard input.",
    ),
]
OptionalTable = Annotated[
    str | None, typer.Argument(metavar="[TABLE]", help="A table; without one, the truth table.")
]
ModelPath = Annotated[str, typer.Argument(metavar="MODEL", help="A .safetensors model file.")]
OptionalTarget = Annotated[str | None, typer.Option(help="The column to predict.")]
NoHeader = Annotated[bool, typer.Option("--no-header", help="The file has no line of names.")]
Names = Annotated[str | None, typer.Option(help="Column names for --no-header: age,sex,income.")]
Missing = Annotated[
    list[str] | None, typer.Option(help="One more text that means missing; may be repeated.")
]
Encoding = Annotated[
    str | None, typer.Option(help="Of a text file that is not UTF-8: latin-1, cp1252, ...")
]
Types = Annotated[
    list[str] | None,
    typer.Option(help="COLUMN=number, text, date or skip, as not recognised; may be repeated."),
]
Ignore = Annotated[list[str] | None, typer.Option(help="A column to leave out; may be repeated.")]
Weights = Annotated[str | None, typer.Option(help="The column with each row's weight.")]
ClassWeight = Annotated[
    str | None, typer.Option(help="balanced: every class weighs the same in all.")
]
Task = Annotated[
    str | None, typer.Option(help="binary, classes, numbers or counts; recognised by default.")
]
Preset = Annotated[str, typer.Option(help="quick, standard or best (several networks).")]
TrainHidden = Annotated[
    str | None,
    typer.Option(help="Neurons of each hidden layer: 64,64; 0 for none.  [preset: 64,64]"),
]
TrainActivation = Annotated[str | None, typer.Option(help="Of hidden layers.  [preset: relu]")]
TrainOptimizer = Annotated[
    str | None,
    typer.Option(help="adam, adamw, gradient_descent, rmsprop or lbfgs  [preset: adam]"),
]
Threads = Annotated[
    int | None, typer.Option(help="At most so many; the result is the same.  [default: all free]")
]
Baseline = Annotated[
    bool, typer.Option("--baseline/--no-baseline", help="Compare with a linear model.")
]
LearningRate = Annotated[float | None, typer.Option(help="The size of a step.  [preset: 0.001]")]
Schedule = Annotated[
    str | None,
    typer.Option(
        help="Of the rate: constant, step, exponential, cosine, inverse_scaling, warm_up or "
        "one_cycle  [preset: constant]"
    ),
]
TrainEpochs = Annotated[int | None, typer.Option(help="Passes over the rows.  [preset: 100]")]
BatchSize = Annotated[
    int | None, typer.Option(help="Rows per step.  [default: 128; 32 below 2,000 rows]")
]
L1 = Annotated[float | None, typer.Option("--l1", help="Penalty on the weights' absolute values.")]
L2 = Annotated[
    float | None,
    typer.Option(help="Weight of the squared weights in the loss.  [preset: 5 / rows]"),
]
Dropout = Annotated[
    float | None,
    typer.Option(help="Share of hidden neurons that each step silences.  [preset: 0]"),
]
Patience = Annotated[
    int | None,
    typer.Option(help="Stop after so many epochs without a better validation loss.  [preset: 20]"),
]
Hidden = Annotated[str, typer.Option(help="Neurons of each hidden layer: 64,64; 0 for none.")]
Activation = Annotated[str, typer.Option(help="Of the hidden layers.")]


@app.callback(invoke_without_command=True)
def options(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Train small neural networks by gradient descent, with every step visible and checked."""
    if version:
        from fallline import __version__

        typer.echo(__version__)
        raise typer.Exit


@app.command()
def demo(
    epochs: Epochs = 20_000,
    learning_rate: Annotated[float, typer.Option(help="The size of a step.")] = 1.6,
    hidden: Hidden = "2",
    seed: Seed = 0,
    as_published: Annotated[
        bool, typer.Option("--as-published", help="The notebook's own update, both slips kept.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print the last predictions only.")
    ] = False,
    json: Json = False,
) -> None:
    """Learn the truth table "first AND last", as the notebook did.

    Example: fallline demo --seed 7 --as-published
    """
    from fallline.cli.demo import run

    run(
        epochs=epochs,
        learning_rate=learning_rate,
        hidden=hidden,
        seed=seed,
        as_published=as_published,
        quiet=quiet,
        json=json,
    )


@app.command()
def train(
    tables: Tables,
    target: Annotated[str, typer.Option(help="The column to predict.")],
    output: Annotated[
        str, typer.Option("--output", "-o", help="Where the model goes.")
    ] = "model.safetensors",
    task: Task = None,
    preset: Preset = "standard",
    hidden: TrainHidden = None,
    activation: TrainActivation = None,
    optimizer: TrainOptimizer = None,
    learning_rate: LearningRate = None,
    schedule: Schedule = None,
    epochs: TrainEpochs = None,
    batch_size: BatchSize = None,
    l2: L2 = None,
    l1: L1 = None,
    dropout: Dropout = None,
    patience: Patience = None,
    validation: Annotated[
        str, typer.Option(help="To choose the best epoch by: a share of the rows, or a file.")
    ] = "0.15",
    test: Annotated[
        str | None, typer.Option(help="To score at the end: a share of the rows, or a file.")
    ] = None,
    weights: Weights = None,
    class_weight: ClassWeight = None,
    ignore: Ignore = None,
    types: Types = None,
    seed: Seed = 0,
    threads: Threads = None,
    baseline: Baseline = True,
    checkpoint_every: Annotated[
        int | None, typer.Option(help="Epochs between two checkpoints.  [default: by time, 10 s]")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the checkpoint of a run cut short.")
    ] = False,
    large: Annotated[
        bool | None,
        typer.Option(
            "--large/--no-large", help="Train block by block.  [default: from 1 GiB of table on]"
        ),
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(help="A Dask scheduler, tcp://HOST:PORT: its workers read the files."),
    ] = None,
    report: Annotated[
        str | None, typer.Option(help="Write a page about the model to this .html file.")
    ] = None,
    no_header: NoHeader = False,
    names: Names = None,
    missing: Missing = None,
    encoding: Encoding = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Train a network on a table and write it to a model file.

    Example: fallline train housing.csv --target median_house_value -o housing.safetensors
    """
    from fallline.cli.train import run

    run(
        tables,
        target,
        output,
        reading=reading_options(no_header, names, missing, encoding),
        settings={
            "task": task,
            "preset": preset,
            "hidden": hidden,
            "activation": activation,
            "optimizer": optimizer,
            "learning_rate": learning_rate,
            "schedule": schedule,
            "epochs": epochs,
            "batch_size": batch_size,
            "l2": l2,
            "l1": l1,
            "dropout": dropout,
            "patience": patience,
            "validation": validation,
            "test": test,
            "weights": weights,
            "class_weight": class_weight,
            "ignore": ignore,
            "types": types,
            "seed": seed,
            "threads": threads,
            "baseline": baseline,
        },
        checkpoint_every=checkpoint_every,
        resume=resume,
        large=large,
        cluster=cluster,
        report=report,
        quiet=quiet,
        json=json,
    )


@app.command()
def cv(
    tables: Tables,
    target: Annotated[str, typer.Option(help="The column to predict.")],
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", help="Where the out-of-fold predictions go: .csv, .parquet"),
    ] = None,
    folds: Annotated[int, typer.Option(help="How many parts.")] = 5,
    repeats: Annotated[int, typer.Option(help="How often, the folds drawn anew.")] = 1,
    groups: Annotated[
        str | None, typer.Option(help="A column whose equal cells stay in one fold.")
    ] = None,
    task: Task = None,
    preset: Preset = "standard",
    hidden: TrainHidden = None,
    activation: TrainActivation = None,
    optimizer: TrainOptimizer = None,
    learning_rate: LearningRate = None,
    schedule: Schedule = None,
    epochs: TrainEpochs = None,
    batch_size: BatchSize = None,
    l2: L2 = None,
    l1: L1 = None,
    dropout: Dropout = None,
    patience: Patience = None,
    validation: Annotated[
        float, typer.Option(help="Share of each fold's training rows, to choose the epoch by.")
    ] = 0.15,
    weights: Weights = None,
    class_weight: ClassWeight = None,
    ignore: Ignore = None,
    types: Types = None,
    seed: Seed = 0,
    threads: Threads = None,
    baseline: Baseline = True,
    no_header: NoHeader = False,
    names: Names = None,
    missing: Missing = None,
    encoding: Encoding = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Cross-validate: predict every row by a network that never saw it.

    Example: fallline cv titanic.csv --target Survived --folds 10 -o predicted.csv
    """
    from fallline.cli.cv import run

    run(
        tables,
        target,
        output,
        reading=reading_options(no_header, names, missing, encoding),
        settings={
            "n_folds": folds,
            "repeats": repeats,
            "groups": groups,
            "task": task,
            "preset": preset,
            "hidden": hidden,
            "activation": activation,
            "optimizer": optimizer,
            "learning_rate": learning_rate,
            "schedule": schedule,
            "epochs": epochs,
            "batch_size": batch_size,
            "l2": l2,
            "l1": l1,
            "dropout": dropout,
            "patience": patience,
            "validation": validation,
            "weights": weights,
            "class_weight": class_weight,
            "ignore": ignore,
            "types": types,
            "seed": seed,
            "threads": threads,
            "baseline": baseline,
        },
        quiet=quiet,
        json=json,
    )


@app.command()
def sweep(
    tables: Tables,
    target: Annotated[str, typer.Option(help="The column to predict.")],
    grid: Annotated[
        str,
        typer.Option(help="Settings and their values: name=value|value, a..b:n, a..b:logn."),
    ],
    seeds: Annotated[int, typer.Option(help="Runs of each setting, with other seeds.")] = 5,
    folds: Annotated[
        int | None, typer.Option(help="Score by so many folds instead of a part held out.")
    ] = None,
    draws: Annotated[
        int | None, typer.Option(help="Try so many settings at random, not all.")
    ] = None,
    halving: Annotated[
        int | None,
        typer.Option(help="All settings for few epochs, then one in so many for more, and so on."),
    ] = None,
    output: Annotated[
        str | None, typer.Option("--output", "-o", help="Where every run goes: .csv, .parquet")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Where the best network goes.")] = None,
    report: Annotated[
        str | None, typer.Option(help="Write a page about the sweep to this .html file.")
    ] = None,
    log: Annotated[
        str | None,
        typer.Option(help="Keep each run as it ends; with the same file a sweep goes on."),
    ] = None,
    cluster: Annotated[
        str | None, typer.Option(help="A Dask scheduler's address, such as tcp://10.0.0.1:8786.")
    ] = None,
    validation: Annotated[float, typer.Option(help="Share of the rows to score by.")] = 0.2,
    task: Task = None,
    ignore: Ignore = None,
    types: Types = None,
    seed: Seed = 0,
    threads: Threads = None,
    no_header: NoHeader = False,
    names: Names = None,
    missing: Missing = None,
    encoding: Encoding = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Train many small networks: every combination of settings, every seed.

    Example: fallline sweep titanic.csv --target Survived --grid "hidden=4|16 l2=0.0001..0.1:log4"
    """
    from fallline.cli.sweep import run

    run(
        tables,
        target,
        grid,
        reading=reading_options(no_header, names, missing, encoding),
        prepared={"task": task, "ignore": ignore, "types": types, "seed": seed},
        settings={
            "seeds": seeds,
            "folds": folds,
            "draws": draws,
            "halving": halving,
            "validation": validation,
            "split_seed": seed,
            "log": log,
            "threads": threads,
        },
        output=output,
        model=model,
        report=report,
        cluster=cluster,
        quiet=quiet,
        json=json,
    )


def reading_options(
    no_header: bool, names: str | None, missing: list[str] | None, encoding: str | None
) -> dict[str, Any]:
    """How the tables are to be read."""
    return {"no_header": no_header, "names": names, "missing": missing, "encoding": encoding}


@app.command()
def predict(
    model: ModelPath,
    tables: Tables,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", help="A .csv, .parquet or .jsonl file; else the screen."),
    ] = None,
    columns: Annotated[
        str | None, typer.Option(help="Columns of the table to carry over: id,name.")
    ] = None,
    part: Annotated[str, typer.Option("--write", help="labels, probabilities or all.")] = "all",
    no_header: NoHeader = False,
    names: Names = None,
    missing: Missing = None,
    encoding: Encoding = None,
    quiet: Quiet = False,
    json: Annotated[
        bool, typer.Option("--json", help="A JSON object a row; with -o, one that sums up.")
    ] = False,
) -> None:
    """Predict every row of a table, one line each, in order.

    Example: fallline predict housing.safetensors new.csv -o predicted.csv
    """
    from fallline.cli.predict import run
    from fallline.limits import check_choice
    from fallline.tabular.predicting import PARTS

    run(
        model,
        tables,
        output,
        reading=reading_options(no_header, names, missing, encoding),
        columns=columns,
        part=check_choice("--write", part, PARTS),
        quiet=quiet,
        json=json,
    )


@app.command()
def evaluate(
    model: ModelPath,
    tables: Tables,
    seed: Annotated[int, typer.Option(help="Of the resamples that the intervals are from.")] = 0,
    no_header: NoHeader = False,
    names: Names = None,
    missing: Missing = None,
    encoding: Encoding = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Without the notes.")] = False,
    json: Json = False,
) -> None:
    """Score a model on a table that has the target column.

    Example: fallline evaluate adult.safetensors adult-test.csv
    """
    from fallline.cli.evaluate import run

    reading = reading_options(no_header, names, missing, encoding)
    run(model, tables, reading, seed=seed, quiet=quiet, json=json)


@app.command()
def trace(
    table: OptionalTable = None,
    target: OptionalTarget = None,
    rows: Annotated[int, typer.Option(help="How many rows, from the first.")] = 2,
    model: Annotated[
        str | None, typer.Option(help="A trained model: show one row's way through it.")
    ] = None,
    row: Annotated[
        int | None, typer.Option(help="Which row of the table, from 1; with --model.")
    ] = None,
    hidden: Hidden = "2",
    activation: Activation = "sigmoid",
    learning_rate: Annotated[float, typer.Option(help="The size of the step.")] = 1.6,
    seed: Seed = 0,
    no_header: NoHeader = False,
    names: Names = None,
    missing: Missing = None,
    encoding: Encoding = None,
    types: Types = None,
    ignore: Ignore = None,
    weights: Weights = None,
    json: Json = False,
) -> None:
    """Show one update with every number: forward, loss, backward, per-sample gradients, step.

    With --model, one row's way through the trained network: what each neuron sums up.

    Example: fallline trace --rows 2
    """
    from fallline.cli.steps import run_trace

    run_trace(
        table,
        target,
        reading=reading_options(no_header, names, missing, encoding),
        rows=rows,
        model=model,
        row=row,
        hidden=hidden,
        activation=activation,
        learning_rate=learning_rate,
        seed=seed,
        columns={"types": types, "ignore": ignore, "weights": weights},
        json=json,
    )


@app.command()
def check(
    table: OptionalTable = None,
    target: OptionalTarget = None,
    rows: Annotated[int, typer.Option(help="How many rows, from the first.")] = 5,
    hidden: Hidden = "2",
    activation: Activation = "sigmoid",
    as_published: Annotated[
        bool, typer.Option("--as-published", help="Check the notebook's gradient, slips and all.")
    ] = False,
    method: Annotated[str, typer.Option(help="complex_step, central or auto.")] = "auto",
    seed: Seed = 0,
    no_header: NoHeader = False,
    names: Names = None,
    missing: Missing = None,
    encoding: Encoding = None,
    types: Types = None,
    ignore: Ignore = None,
    weights: Weights = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print nothing where the gradient is right.")
    ] = False,
    json: Json = False,
) -> None:
    """Check backpropagation against numeric derivatives, parameter by parameter.

    Example: fallline check --as-published
    """
    from fallline.cli.steps import run_check

    run_check(
        table,
        target,
        reading=reading_options(no_header, names, missing, encoding),
        rows=rows,
        hidden=hidden,
        activation=activation,
        as_published=as_published,
        method=method,
        seed=seed,
        columns={"types": types, "ignore": ignore, "weights": weights},
        quiet=quiet,
        json=json,
    )


@app.command()
def play(
    table: OptionalTable = None,
    target: OptionalTarget = None,
    port: Annotated[int, typer.Option(help="0 takes a free one.")] = 0,
    host: Annotated[
        str, typer.Option(help="The address to listen on; beyond this machine see --allow-others.")
    ] = "127.0.0.1",
    allow_others: Annotated[
        bool, typer.Option("--allow-others", help="Let other machines in, without encryption.")
    ] = False,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page.")] = True,
    no_header: NoHeader = False,
    names: Names = None,
    missing: Missing = None,
    encoding: Encoding = None,
) -> None:
    """Open the playground: a page on which a network descends, with every number.

    Example: fallline play housing.csv --target median_house_value
    """
    from fallline.cli.play import run

    run(
        table,
        target,
        reading=reading_options(no_header, names, missing, encoding),
        port=port,
        host=host,
        allow_others=allow_others,
        browser=browser,
    )


@app.command()
def export(
    model: ModelPath,
    output: Annotated[
        str, typer.Argument(metavar="OUT", help="A .py or .json file: its ending says the form.")
    ],
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Write a model as a Python module that needs NumPy only (.py), or as plain data (.json).

    Example: fallline export housing.safetensors housing.py
    """
    from fallline.cli.export import run

    run(model, output, quiet=quiet, json=json)


@app.command()
def info(model: ModelPath, json: Json = False) -> None:
    """Show what a model file holds.

    Example: fallline info housing.safetensors
    """
    from fallline.cli.info import run

    run(model, json=json)


def main() -> None:
    """Run the command line; every error is one or two lines on standard error and an exit code."""
    code = FAILED
    try:
        result: Any = app(standalone_mode=False)
        code = result if isinstance(result, int) else DONE
    except ParameterError as error:
        code = complain(str(error), WRONG_USAGE)
    except FalllineError as error:
        code = complain(str(error), FAILED)
    except KeyboardInterrupt:
        code = complain("interrupted", FAILED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = DONE  # the reader of our output has had enough
    except Exception as error:
        code = unexpected(error)
    sys.exit(code)


def complain(message: str, code: int) -> int:
    print(f"fallline: {message}", file=sys.stderr)
    return code


def unexpected(error: Exception) -> int:
    """A usage error of the command line itself, or a fault of ours: never a traceback."""
    show = getattr(error, "show", None)  # a ClickException: it knows how to show itself
    if show is not None:
        show(file=sys.stderr)
        return int(getattr(error, "exit_code", WRONG_USAGE))
    if type(error).__name__ == "Abort":
        return complain("interrupted", FAILED)
    if os.environ.get("FALLLINE_TRACEBACK"):
        raise error
    if isinstance(error, OSError | MemoryError):
        return complain(str(error) or "not enough memory", FAILED)
    return complain(
        f"a fault of Fallline itself ({type(error).__name__}: {error}).\n"
        "Please report it, with what FALLLINE_TRACEBACK=1 shows.",
        FAILED,
    )
