"""The commands and their options, and the one place where errors become a line and an exit code."""

import contextlib
import os
import sys
from typing import Annotated, Any

import click

from fallline import __version__
from fallline.cli.declaring import Argument, Commands, Option
from fallline.cli.groups import (
    Checkpoints,
    Columns,
    DateForms,
    Display,
    FitChoices,
    Folds,
    Force,
    HeldOut,
    Place,
    ReadingOptions,
    RecipeChoices,
    RowColumns,
    Seed,
    SweepFiles,
    SweepProblem,
    SweepRuns,
    Teacher,
    Threads,
    Types,
)
from fallline.cli.options import date_forms
from fallline.cli.screen import show_safely
from fallline.cli.signals import Signals
from fallline.errors import FalllineError, ParameterError
from fallline.memory import lacking

__all__ = ["app", "main"]

DONE, FAILED, WRONG_USAGE = 0, 1, 2

Json = Annotated[bool, Option("--json", help="Print one JSON object instead of text.")]
Epochs = Annotated[int, Option(help="Passes over the rows.")]
Tables = Annotated[
    list[str],
    Argument(
        metavar="TABLE",
        help="CSV, TSV, JSON lines, Parquet or Excel, also compressed; - for standard input.",
    ),
]
OptionalTable = Annotated[
    str | None, Argument(metavar="[TABLE]", help="A table; without one, the truth table.")
]
ModelPath = Annotated[str, Argument(metavar="MODEL", help="A .safetensors model file.")]
Target = Annotated[str, Option(help="The column to predict.")]
OptionalTarget = Annotated[str | None, Option(help="The column to predict.")]
Extrapolate = Annotated[
    bool,
    Option(
        "--extrapolate", help="Do not limit predicted numbers to the range of the training targets."
    ),
]
Spreadsheet = Annotated[
    bool,
    Option("--spreadsheet", help="Put ' before texts that a spreadsheet would take for a formula."),
]
Hidden = Annotated[str, Option(help="Neurons of each hidden layer: 64,64; 0 for none.")]
Activation = Annotated[str, Option(help="The activation of the hidden layers.")]


app = Commands(
    name="fallline",
    help="Train small neural networks by gradient descent, with every step visible and checked.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
click.version_option(__version__, message="%(version)s", help="Print the version.")(app)


@app.declare
def demo(
    epochs: Epochs = 20_000,
    learning_rate: Annotated[float, Option(help="The learning rate.")] = 1.6,
    hidden: Hidden = "2",
    seed: Seed = 0,
    as_published: Annotated[
        bool, Option("--as-published", help="Use the notebook's own update, with its two slips.")
    ] = False,
    quiet: Annotated[
        bool, Option("--quiet", "-q", help="Print only the final predictions.")
    ] = False,
    json: Json = False,
) -> None:
    """Learn the truth table "first AND last", as in the notebook.

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


@app.declare
def train(
    *,
    tables: Tables,
    target: Target,
    output: Annotated[
        str, Option("--output", "-o", help="The model file to write.")
    ] = "model.safetensors",
    recipe: RecipeChoices,
    held_out: HeldOut,
    columns: Columns,
    teacher: Teacher,
    run_options: FitChoices,
    checkpoints: Checkpoints,
    place: Place,
    report: Annotated[
        str | None, Option(help="Write a page about the model to this .html file.")
    ] = None,
    force: Force = False,
    reading: ReadingOptions,
    display: Display,
) -> None:
    """Train a network on a table and write a model file.

    Example: fallline train housing.csv --target median_house_value -o housing.safetensors
    """
    from fallline.cli.train import run

    options = {
        **recipe.options(),
        **held_out.options(reading),
        **columns.options(),
        **teacher.options(reading),
        **run_options.options(),
    }
    run(tables, target, output, options, checkpoints, place, report, reading, display,
        force=force)  # fmt: skip


@app.declare
def cv(
    *,
    tables: Tables,
    target: Target,
    output: Annotated[
        str | None,
        Option(
            "--output", "-o", help="The file for the out-of-fold predictions: .csv or .parquet."
        ),
    ] = None,
    force: Force = False,
    spreadsheet: Spreadsheet = False,
    folds: Folds,
    recipe: RecipeChoices,
    validation: Annotated[
        float, Option(help="Share of each fold's training rows that chooses the epoch.")
    ] = 0.15,
    columns: Columns,
    run_options: FitChoices,
    reading: ReadingOptions,
    display: Display,
) -> None:
    """Cross-validate: score each row with a network not trained on it.

    Example: fallline cv titanic.csv --target Survived --folds 10 -o predicted.csv
    """
    from fallline.cli.cv import run

    options = {
        **recipe.options(),
        "validation": validation,
        "split": folds.split,
        **columns.options(),
        **run_options.options(),
    }
    run(
        tables,
        target,
        output,
        folds,
        options,
        reading,
        display,
        force=force,
        spreadsheet=spreadsheet,
    )


@app.declare
def sweep(
    *,
    tables: Tables,
    target: Target,
    grid: Annotated[
        str,
        Option(help="Settings and their values: name=value|value, a..b:n, a..b:logn."),
    ],
    runs: SweepRuns,
    files: SweepFiles,
    cluster: Annotated[
        str | None, Option(help="A Dask scheduler's address, such as tcp://10.0.0.1:8786.")
    ] = None,
    problem: SweepProblem,
    reading: ReadingOptions,
    display: Display,
) -> None:
    """Train many small networks: every combination of settings.

    Example: fallline sweep titanic.csv --target Survived --grid "hidden=4|16 l2=0.0001..0.1:log4"
    """
    from fallline.cli.sweep import run

    run(tables, target, grid, runs, files, cluster, problem, reading, display)


@app.declare
def predict(
    *,
    model: ModelPath,
    tables: Tables,
    output: Annotated[
        str | None,
        Option("--output", "-o", help="A .csv, .parquet or .jsonl file instead of the screen."),
    ] = None,
    columns: Annotated[
        str | None, Option(help="Columns of the table to copy to the output: id,name.")
    ] = None,
    part: Annotated[
        str, Option("--write", help="What to write: labels, probabilities or all.")
    ] = "all",
    force: Force = False,
    spreadsheet: Spreadsheet = False,
    extrapolate: Extrapolate = False,
    types: DateForms = None,
    reading: ReadingOptions,
    quiet: Annotated[bool, Option("--quiet", "-q", help="Print only the result.")] = False,
    json: Annotated[
        bool,
        Option("--json", help="Print a JSON object per row; with -o, a summary as one object."),
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
        reading=reading,
        columns=columns,
        part=check_choice("--write", part, PARTS),
        force=force,
        spreadsheet=spreadsheet,
        extrapolate=extrapolate,
        forms=date_forms(types),
        quiet=quiet,
        json=json,
    )


@app.declare
def evaluate(
    *,
    model: ModelPath,
    tables: Tables,
    seed: Annotated[int, Option(help="The seed of the resamples for the intervals.")] = 0,
    extrapolate: Extrapolate = False,
    types: DateForms = None,
    reading: ReadingOptions,
    quiet: Annotated[bool, Option("--quiet", "-q", help="Leave out the notes.")] = False,
    json: Json = False,
) -> None:
    """Score a model on a table that has the target column.

    Example: fallline evaluate adult.safetensors adult-test.csv
    """
    from fallline.cli.evaluate import run

    run(
        model,
        tables,
        reading,
        seed=seed,
        extrapolate=extrapolate,
        forms=date_forms(types),
        quiet=quiet,
        json=json,
    )


@app.declare
def look(
    *,
    tables: Tables,
    target: OptionalTarget = None,
    types: Types = None,
    reading: ReadingOptions,
    json: Json = False,
) -> None:
    """Show how each column of a table would be read and encoded.

    Example: fallline look housing.csv --target median_house_value
    """
    from fallline.cli.look import run

    run(tables, target, types, reading, json=json)


@app.declare
def trace(
    *,
    table: OptionalTable = None,
    target: OptionalTarget = None,
    rows: Annotated[int, Option(help="The number of rows, from the first.")] = 2,
    model: Annotated[str | None, Option(help="A trained model: follow one row through it.")] = None,
    row: Annotated[int | None, Option(help="The row of the table, from 1; with --model.")] = None,
    hidden: Hidden = "2",
    activation: Activation = "sigmoid",
    learning_rate: Annotated[float, Option(help="The learning rate of the step.")] = 1.6,
    seed: Seed = 0,
    reading: ReadingOptions,
    columns: RowColumns,
    json: Json = False,
) -> None:
    """Show one update with every number: forward, backward, step.

    With --model, one row's way through the trained network: what each neuron sums up.

    Example: fallline trace --rows 2
    """
    from fallline.cli.steps import run_trace

    run_trace(
        table,
        target,
        reading=reading,
        rows=rows,
        model=model,
        row=row,
        hidden=hidden,
        activation=activation,
        learning_rate=learning_rate,
        seed=seed,
        columns=columns,
        json=json,
    )


@app.declare
def check(
    *,
    table: OptionalTable = None,
    target: OptionalTarget = None,
    rows: Annotated[int, Option(help="The number of rows, from the first.")] = 5,
    hidden: Hidden = "2",
    activation: Activation = "sigmoid",
    as_published: Annotated[
        bool, Option("--as-published", help="Check the notebook's gradient, with its two slips.")
    ] = False,
    method: Annotated[str, Option(help="complex_step, central or auto.")] = "auto",
    seed: Seed = 0,
    reading: ReadingOptions,
    columns: RowColumns,
    quiet: Annotated[
        bool, Option("--quiet", "-q", help="Print nothing if the gradient is right.")
    ] = False,
    json: Json = False,
) -> None:
    """Check backpropagation against numeric derivatives.

    Example: fallline check --as-published
    """
    from fallline.cli.steps import run_check

    run_check(
        table,
        target,
        reading=reading,
        rows=rows,
        hidden=hidden,
        activation=activation,
        as_published=as_published,
        method=method,
        seed=seed,
        columns=columns,
        quiet=quiet,
        json=json,
    )


@app.declare
def play(
    *,
    table: OptionalTable = None,
    target: OptionalTarget = None,
    port: Annotated[int, Option(help="The port; 0 chooses a free one.")] = 0,
    host: Annotated[
        str, Option(help="The address to listen on; for other machines see --allow-others.")
    ] = "127.0.0.1",
    allow_others: Annotated[
        bool, Option("--allow-others", help="Let other machines connect, without encryption.")
    ] = False,
    browser: Annotated[bool, Option("--browser/--no-browser", help="Open the page.")] = True,
    reading: ReadingOptions,
) -> None:
    """Open the playground: train a network in the browser.

    Example: fallline play housing.csv --target median_house_value
    """
    from fallline.cli.play import play

    play(
        table,
        target,
        reading=reading,
        port=port,
        host=host,
        allow_others=allow_others,
        browser=browser,
    )


@app.declare
def page(
    *,
    table: OptionalTable = None,
    target: OptionalTarget = None,
    output: Annotated[str, Option("--output", "-o", help="The file to write.")] = "playground.html",
    force: Force = False,
    display: Display,
    reading: ReadingOptions,
) -> None:
    """Write the playground as one HTML file that works offline.

    Example: fallline page housing.csv --target median_house_value -o housing.html
    """
    from fallline.cli.play import write

    write(
        table,
        target,
        output,
        reading=reading,
        force=force,
        quiet=display.quiet,
        json=display.json,
    )


@app.declare
def export(
    *,
    model: ModelPath,
    out: Annotated[
        str | None,
        Argument(metavar="[OUT]", help="A .py, .c, .mjs, .sql, .onnx or .json file."),
    ] = None,
    output: Annotated[str | None, Option("--output", "-o", help="The same as OUT.")] = None,
    format: Annotated[
        str | None,
        Option(help="python, c, javascript, sql, onnx or json; default: by the ending of OUT."),
    ] = None,
    table: Annotated[
        str | None, Option(help="The table that the SQL reads; by default data.")
    ] = None,
    no_proof: Annotated[
        bool, Option(help="Do not run the export to compare its predictions.")
    ] = False,
    force: Force = False,
    display: Display,
) -> None:
    """Write a model as Python, C, JavaScript, SQL, ONNX or JSON.

    Example: fallline export housing.safetensors housing.py
    """
    from fallline.cli.export import run

    run(
        model,
        out,
        output,
        format=format,
        table=table,
        proof=not no_proof,
        force=force,
        quiet=display.quiet,
        json=display.json,
    )


@app.declare
def explain(
    *,
    model: ModelPath,
    tables: Tables,
    row: Annotated[
        list[int] | None,
        Option(help="A row of the table, from 1, to explain; may be repeated."),
    ] = None,
    baseline: Annotated[
        list[int] | None,
        Option(help="A row to compare with; may be repeated.  [default: training means]"),
    ] = None,
    output: Annotated[
        str | None,
        Option(help="The class to explain; by default the second of two, else the predicted one."),
    ] = None,
    probability: Annotated[
        bool, Option("--probability", help="Explain the probability, not the log-odds.")
    ] = False,
    steps: Annotated[int, Option(help="The maximum number of gradients per row.")] = 4_096,
    report: Annotated[
        str | None, Option(help="Write a page with charts to this .html file.")
    ] = None,
    force: Force = False,
    seed: Annotated[int, Option(help="The seed of the drawn rows and of the shuffles.")] = 0,
    types: DateForms = None,
    reading: ReadingOptions,
    quiet: Annotated[bool, Option("--quiet", "-q", help="Leave out the notes.")] = False,
    json: Json = False,
) -> None:
    """Show why a model predicts what it does, column by column.

    Example: fallline explain housing.safetensors housing.csv --row 3
    """
    from fallline.cli.explain import run

    run(
        model,
        tables,
        reading,
        rows=row,
        baseline=baseline,
        choices={"output": output, "probability": probability, "steps": steps, "seed": seed},
        report=report,
        force=force,
        forms=date_forms(types),
        quiet=quiet,
        json=json,
    )


@app.declare
def verify(
    *,
    model: ModelPath,
    tables: Tables,
    validation: Annotated[
        str | None, Option(help="The validation table, if the model had a separate one.")
    ] = None,
    test: Annotated[
        str | None, Option(help="The test table, if the model had a separate one.")
    ] = None,
    soft: Annotated[
        str | None, Option(help="The table of soft labels, if it learned from one.")
    ] = None,
    cluster: Annotated[
        str | None, Option(help="A Dask scheduler, tcp://HOST:PORT, where one trained the model.")
    ] = None,
    threads: Threads = None,
    reading: ReadingOptions,
    display: Display,
) -> None:
    """Train a model again, and tell whether it is the same.

    Example: fallline verify housing.safetensors housing.csv
    """
    from fallline.cli.verify import run

    apart = {"validation": validation, "test": test, "soft": soft}
    run(model, tables, reading, display, apart=apart, threads=threads, cluster=cluster)


@app.declare
def info(
    model: ModelPath,
    card: Annotated[
        bool, Option("--card", help="Write a model card in Markdown instead of the facts.")
    ] = False,
    output: Annotated[
        str | None, Option("--output", "-o", help="Where the card goes; else the screen.")
    ] = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Show what is in a model file.

    Example: fallline info housing.safetensors --card -o card.md
    """
    from fallline.cli.info import run

    run(model, card=card, output=output, force=force, json=json)


def main() -> None:
    """Run the command line; every error is one or two lines on standard error and an exit code."""
    code, signals = FAILED, Signals()
    show_safely()
    try:
        result: Any = app(standalone_mode=False, complete_var="_FALLLINE_COMPLETE")
        code = result if isinstance(result, int) else DONE
    except ParameterError as error:
        code = complain(str(error), WRONG_USAGE)
    except FalllineError as error:
        code = complain(str(error), FAILED)
    except KeyboardInterrupt:
        code = complain("interrupted", FAILED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = DONE  # the reader of our output has closed it
    except Exception as error:
        code = unexpected(error)
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # a library in Rust panicked, and printed why
            raise
        code = complain(f"a library gave up: {error}", FAILED)
    sys.exit(signals.exit_code(code))


def complain(message: str, code: int) -> int:
    with contextlib.suppress(OSError):  # the terminal was closed
        print(f"fallline: {message}", file=sys.stderr)
    return code


def unexpected(error: Exception) -> int:
    """A usage error of the command line, or an internal error: never a traceback."""
    show = getattr(error, "show", None)  # a ClickException: it knows how to show itself
    if show is not None:
        show(file=sys.stderr)
        return int(getattr(error, "exit_code", WRONG_USAGE))
    if type(error).__name__ == "Abort":
        return complain("interrupted", FAILED)
    if os.environ.get("FALLLINE_TRACEBACK"):
        raise error
    if isinstance(error, MemoryError):
        return complain(lacking(error), FAILED)
    if isinstance(error, OSError):
        return complain(str(error), FAILED)
    return complain(
        f"a fault of Fallline itself ({type(error).__name__}: {error}).\n"
        "Please report it, with what FALLLINE_TRACEBACK=1 shows.",
        FAILED,
    )
