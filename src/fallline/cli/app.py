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
TablePath = Annotated[str, typer.Argument(metavar="TABLE", help="A CSV file.")]
OptionalTable = Annotated[
    str | None, typer.Argument(metavar="[TABLE]", help="A CSV file; without one, the truth table.")
]
ModelPath = Annotated[str, typer.Argument(metavar="MODEL", help="A .safetensors model file.")]
OptionalTarget = Annotated[str | None, typer.Option(help="The column to predict.")]
NoHeader = Annotated[bool, typer.Option("--no-header", help="The file has no line of names.")]
Names = Annotated[str | None, typer.Option(help="Column names for --no-header: age,sex,income.")]
Missing = Annotated[
    list[str] | None, typer.Option(help="One more text that means missing; may be repeated.")
]
Types = Annotated[
    list[str] | None,
    typer.Option(help="COLUMN=number, text or skip, against the recognition; may be repeated."),
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
        json=json,
    )


@app.command()
def train(
    table: TablePath,
    target: Annotated[str, typer.Option(help="The column to predict.")],
    output: Annotated[
        str, typer.Option("--output", "-o", help="Where the model goes.")
    ] = "model.safetensors",
    task: Annotated[
        str | None, typer.Option(help="binary, classes or numbers; recognised by default.")
    ] = None,
    hidden: Hidden = "64,64",
    activation: Activation = "relu",
    learning_rate: Annotated[float, typer.Option(help="The size of a step.")] = 0.001,
    epochs: Epochs = 100,
    batch_size: Annotated[int | None, typer.Option(help="Rows per step.")] = None,
    l2: Annotated[float, typer.Option(help="Weight of the squared weights in the loss.")] = 0.0,
    validation: Annotated[
        float, typer.Option(help="Share of the rows held out to choose the best epoch.")
    ] = 0.15,
    patience: Annotated[
        int, typer.Option(help="Stop after so many epochs without a better validation loss.")
    ] = 20,
    seed: Seed = 0,
    no_header: NoHeader = False,
    names: Names = None,
    missing: Missing = None,
    types: Types = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Train a network on a table and write it to a model file.

    Example: fallline train housing.csv --target median_house_value -o housing.safetensors
    """
    from fallline.cli.train import run

    run(
        table,
        target,
        output,
        reading={"no_header": no_header, "names": names, "missing": missing},
        settings={
            "task": task,
            "hidden": hidden,
            "activation": activation,
            "learning_rate": learning_rate,
            "epochs": epochs,
            "batch_size": batch_size,
            "l2": l2,
            "validation": validation,
            "patience": patience,
            "seed": seed,
            "types": types,
        },
        quiet=quiet,
        json=json,
    )


@app.command()
def predict(
    model: ModelPath,
    table: TablePath,
    output: Annotated[
        str | None, typer.Option("--output", "-o", help="A CSV file; else standard output.")
    ] = None,
    no_header: NoHeader = False,
    names: Names = None,
    missing: Missing = None,
) -> None:
    """Predict every row of a table, one line each, in order.

    Example: fallline predict housing.safetensors new.csv -o predicted.csv
    """
    from fallline.cli.predict import run

    run(model, table, output, {"no_header": no_header, "names": names, "missing": missing})


@app.command()
def evaluate(
    model: ModelPath,
    table: TablePath,
    no_header: NoHeader = False,
    names: Names = None,
    missing: Missing = None,
    json: Json = False,
) -> None:
    """Score a model on a table that has the target column.

    Example: fallline evaluate adult.safetensors adult-test.csv
    """
    from fallline.cli.evaluate import run

    run(model, table, {"no_header": no_header, "names": names, "missing": missing}, json=json)


@app.command()
def trace(
    table: OptionalTable = None,
    target: OptionalTarget = None,
    rows: Annotated[int, typer.Option(help="How many rows, from the first.")] = 2,
    hidden: Hidden = "2",
    activation: Activation = "sigmoid",
    learning_rate: Annotated[float, typer.Option(help="The size of the step.")] = 1.6,
    seed: Seed = 0,
    no_header: NoHeader = False,
    names: Names = None,
    missing: Missing = None,
    types: Types = None,
    json: Json = False,
) -> None:
    """Show one update with every number: forward, loss, backward, per-sample gradients, step.

    Example: fallline trace --rows 2
    """
    from fallline.cli.steps import run_trace

    run_trace(
        table,
        target,
        reading={"no_header": no_header, "names": names, "missing": missing},
        rows=rows,
        hidden=hidden,
        activation=activation,
        learning_rate=learning_rate,
        seed=seed,
        types=types,
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
    types: Types = None,
    json: Json = False,
) -> None:
    """Check backpropagation against numeric derivatives, parameter by parameter.

    Example: fallline check --as-published
    """
    from fallline.cli.steps import run_check

    run_check(
        table,
        target,
        reading={"no_header": no_header, "names": names, "missing": missing},
        rows=rows,
        hidden=hidden,
        activation=activation,
        as_published=as_published,
        method=method,
        seed=seed,
        types=types,
        json=json,
    )


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
