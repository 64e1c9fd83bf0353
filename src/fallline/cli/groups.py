"""Groups of options that several commands share; a command's function takes one as one parameter.

Numbers and files are loaded where a group is turned into values, not when the command line starts.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from fallline.cli.declaring import Group, Option
from fallline.cli.options import duration, layer_sizes, share_or_table, task_name, types_by_column

if TYPE_CHECKING:
    from fallline.data.cells import Reading
    from fallline.data.table import Table
    from fallline.tabular.options import PreparationOptions, TableOptions

__all__ = [
    "Checkpoints",
    "Columns",
    "DateForms",
    "Display",
    "FitChoices",
    "Folds",
    "Force",
    "HeldOut",
    "Place",
    "ReadingOptions",
    "RecipeChoices",
    "RowColumns",
    "Seed",
    "SweepFiles",
    "SweepProblem",
    "SweepRuns",
    "Teacher",
    "Threads",
    "Types",
]

LAYOUT = ("decimal", "thousands", "separator", "skip_lines", "comment", "sheet")
Seed = Annotated[int, Option(help="Of every random draw: weights, split, shuffling.")]
Threads = Annotated[
    int | None, Option(help="At most so many; the result is the same.  [default: all free]")
]
Task = Annotated[
    str | None, Option(help="binary, classes, numbers or counts; recognised by default.")
]
Ignore = Annotated[list[str] | None, Option(help="A column to leave out; may be repeated.")]
Types = Annotated[
    list[str] | None,
    Option(
        help="COLUMN=number, text, date, date:%d/%m/%Y or skip, as not recognised; may be repeated."
    ),
]
DateForms = Annotated[
    list[str] | None,
    Option("--types", help="COLUMN=date:%d/%m/%Y, how dates are written here."),
]
Split = Annotated[
    str, Option(help="random, or time: the rows are in its order, the last are held out.")
]
Force = Annotated[bool, Option("--force", help="Replace a file of another kind.")]
Weights = Annotated[str | None, Option(help="The column with each row's weight.")]


class ReadingOptions(Group):
    """How tables are read."""

    no_header: Annotated[bool, Option("--no-header", help="The file has no line of names.")] = False
    names: Annotated[str | None, Option(help="Column names for --no-header: age,sex,income.")] = (
        None
    )
    missing: Annotated[
        list[str] | None, Option(help="One more text that means missing; may be repeated.")
    ] = None
    encoding: Annotated[
        str | None, Option(help="Of a text file that is not UTF-8: latin-1, cp1252, ...")
    ] = None
    decimal: Annotated[
        str | None, Option(help=". or , in numbers; recognised where that is certain.")
    ] = None
    thousands: Annotated[
        str | None, Option(help="Between thousands: , . ' or a blank; recognised as well.")
    ] = None
    separator: Annotated[
        str | None, Option(help="Between two fields: ; | tab, space (any number of blanks).")
    ] = None
    skip_lines: Annotated[int | None, Option(help="So many title lines stand above the names.")] = (
        None
    )
    comment: Annotated[str | None, Option(help="Leave out lines that begin with this text: #.")] = (
        None
    )
    sheet: Annotated[
        str | None, Option(help="Of an Excel file: its name, or its number from 1.")
    ] = None

    def reading(
        self,
        only: Any = None,
        before: Mapping[str, Any] | None = None,
        forms: Mapping[str, str] | None = None,
    ) -> "Reading":
        """The same as the readers of files take it; ``only`` are the columns wanted.

        ``before``: the options that a model was trained with; what is given here goes before them.
        """
        from fallline.data.cells import Reading

        names = None if self.names is None else [name.strip() for name in self.names.split(",")]
        known = dict(before or {})
        more = [*known.pop("missing", []), *(self.missing or [])]
        given = {name: value for name in LAYOUT if (value := getattr(self, name)) is not None}
        return Reading(
            header=not self.no_header,
            names=names,
            missing=more,
            encoding=self.encoding,
            only=only,
            forms=forms,
            **(known | given),
        )

    def table(
        self,
        paths: Any,
        before: Mapping[str, Any] | None = None,
        forms: Mapping[str, str] | None = None,
    ) -> "Table":
        """The table at these paths."""
        from fallline.data.reading import read_whole

        return read_whole(paths, self.reading(before=before, forms=forms))


class Display(Group):
    """What is printed."""

    quiet: Annotated[bool, Option("--quiet", "-q", help="Print the result only.")] = False
    json: Annotated[bool, Option("--json", help="Print one JSON object instead of text.")] = False


class RecipeChoices(Group):
    """The task, the preset, and what stands in place of the preset's settings."""

    task: Task = None
    preset: Annotated[str, Option(help="quick, standard (4 networks as one) or best (8).")] = (
        "standard"
    )
    hidden: Annotated[
        str | None,
        Option(help="Neurons of each hidden layer: 64,64; 0 for none.  [preset: 128,128]"),
    ] = None
    activation: Annotated[str | None, Option(help="Of hidden layers.  [preset: silu]")] = None
    optimizer: Annotated[
        str | None,
        Option(help="adam, adamw, gradient_descent, rmsprop or lbfgs  [preset: adamw]"),
    ] = None
    learning_rate: Annotated[
        float | None, Option(help="The size of a step.  [preset: 0.001 to 0.004, by batch size]")
    ] = None
    schedule: Annotated[
        str | None,
        Option(
            help="Of the rate: plateau, constant, step, exponential, cosine, inverse_scaling, "
            "warm_up or one_cycle  [preset: plateau]"
        ),
    ] = None
    epochs: Annotated[int | None, Option(help="Passes over the rows, at most.  [preset: 200]")] = (
        None
    )
    batch_size: Annotated[
        int | None, Option(help="Rows per step.  [preset: rows / 32, from 32 to 256]")
    ] = None
    l2: Annotated[
        float | None,
        Option(help="Weight of the squared weights in the loss.  [preset: 0]"),
    ] = None
    l1: Annotated[float | None, Option("--l1", help="Penalty on the weights' absolute values.")] = (
        None
    )
    dropout: Annotated[
        float | None,
        Option(help="Share of hidden neurons that each step silences.  [preset: 0.15]"),
    ] = None
    patience: Annotated[
        int | None,
        Option(
            help="Epochs without a better validation loss until the rate falls, or with another "
            "schedule than plateau training stops.  [preset: 4, or 20]"
        ),
    ] = None
    bins: Annotated[
        int | None,
        Option(help="Most bins of a number's encoding; 0 for none.  [preset: 8 to 48, by rows]"),
    ] = None
    time: Annotated[
        str | None, Option(help="Train for so long at most: 60s, 5m; the best so far is kept.")
    ] = None

    def options(self) -> "TableOptions":
        """The same as options of ``train_table``."""
        given: Any = vars(self) | {
            "task": task_name(self.task),
            "hidden": None if self.hidden is None else layer_sizes(self.hidden),
            "seconds": None if self.time is None else duration(self.time),
        }
        given.pop("time")
        return given  # type: ignore[no-any-return]


class HeldOut(Group):
    """The rows to validate and to test by."""

    validation: Annotated[
        str, Option(help="To choose the best epoch by: a share of the rows, or a file.")
    ] = "0.15"
    test: Annotated[
        str | None, Option(help="To score at the end: a share of the rows, or a file.")
    ] = None
    interval: Annotated[
        float | None,
        Option(help="Predict intervals or sets that hold the true value so often: 0.9."),
    ] = None
    by_class: Annotated[
        bool, Option("--by-class", help="Sets hold the true class so often within each class.")
    ] = False
    split: Split = "random"

    def options(self, reading: ReadingOptions) -> "TableOptions":
        """Shares, or tables read as the other is."""
        return {
            "interval": self.interval,
            "by_class": self.by_class,
            "split": self.split,
            "validation": share_or_table("validation", self.validation, reading.table),
            "test": share_or_table("test", self.test, reading.table),
        }


class Columns(Group):
    """What columns are taken for, and what a row weighs."""

    weights: Weights = None
    class_weight: Annotated[
        str | None, Option(help="balanced: every class weighs the same in all.")
    ] = None
    ignore: Ignore = None
    types: Types = None
    positive: Annotated[
        str | None, Option(help="Of two classes, the one that AUC and calibration are of.")
    ] = None

    def options(self) -> "PreparationOptions":
        """The same as options of ``train_table``."""
        return {
            "positive": self.positive,
            "weights": self.weights,
            "class_weight": self.class_weight,
            "ignore": self.ignore or (),
            "types": types_by_column(self.types),
        }


class Teacher(Group):
    """Another model to learn from."""

    soft: Annotated[
        str | None,
        Option(
            help="Learn what another model says of each row, in this file: out-of-fold "
            "probabilities or numbers."
        ),
    ] = None
    soft_columns: Annotated[
        list[str] | None,
        Option(
            help="COLUMN=LABEL (of numbers COLUMN), where --soft has other names, or TABLE has "
            "these columns; may be repeated."
        ),
    ] = None

    soft_share: Annotated[
        float, Option(help="How much these count; the table's own labels count the rest.")
    ] = 0.5

    def options(self, reading: ReadingOptions) -> "PreparationOptions":
        """The same as options of ``train_table``."""
        from fallline.tabular.soft import soft_columns_text

        return {
            "soft": None if self.soft is None else reading.table(self.soft),
            "soft_columns": soft_columns_text(self.soft_columns),
            "soft_share": self.soft_share,
        }


class RowColumns(Group):
    """Columns of a table of which some rows are looked at."""

    types: Types = None
    ignore: Ignore = None
    weights: Weights = None

    def options(self) -> "PreparationOptions":
        """The same as options of ``prepare``."""
        return Columns(weights=self.weights, ignore=self.ignore, types=self.types).options()


class FitChoices(Group):
    """The seed, the threads, and whether a linear model is fitted as well."""

    seed: Seed = 0
    threads: Threads = None
    baseline: Annotated[
        bool, Option("--baseline/--no-baseline", help="Compare with a linear model.")
    ] = True

    def options(self) -> "TableOptions":
        """The same as options of ``train_table``."""
        return {"seed": self.seed, "threads": self.threads, "baseline": self.baseline}


class Checkpoints(Group):
    """How a long run is kept."""

    checkpoint_every: Annotated[
        int | None, Option(help="Epochs between two checkpoints.  [default: by time, 10 s]")
    ] = None
    resume: Annotated[
        bool, Option("--resume", help="Go on from the checkpoint of a run cut short.")
    ] = False


class Place(Group):
    """Where the rows are while a network trains."""

    large: Annotated[
        bool | None,
        Option(
            "--large/--no-large", help="Train block by block.  [default: from 1 GiB of table on]"
        ),
    ] = None
    cluster: Annotated[
        str | None,
        Option(help="A Dask scheduler, tcp://HOST:PORT: its workers read the files."),
    ] = None


class Folds(Group):
    """The folds of a cross-validation."""

    folds: Annotated[int, Option(help="How many parts.")] = 5
    repeats: Annotated[int, Option(help="How often, the folds drawn anew.")] = 1
    groups: Annotated[str | None, Option(help="A column whose equal cells stay in one fold.")] = (
        None
    )
    split: Split = "random"


class SweepRuns(Group):
    """Which runs a sweep makes."""

    seeds: Annotated[int, Option(help="Runs of each setting, with other seeds.")] = 5
    folds: Annotated[
        int | None, Option(help="Score by so many folds instead of a part held out.")
    ] = None
    draws: Annotated[int | None, Option(help="Try so many settings at random, not all.")] = None
    halving: Annotated[
        int | None,
        Option(help="All settings for few epochs, then one in so many for more, and so on."),
    ] = None


class SweepFiles(Group):
    """What a sweep writes."""

    output: Annotated[
        str | None, Option("--output", "-o", help="Where every run goes: .csv, .parquet")
    ] = None
    model: Annotated[str | None, Option(help="Where the best network goes.")] = None
    report: Annotated[
        str | None, Option(help="Write a page about the sweep to this .html file.")
    ] = None
    log: Annotated[
        str | None,
        Option(help="Keep each run as it ends; with the same file a sweep goes on."),
    ] = None
    force: Force = False


class SweepProblem(Group):
    """The rows of a sweep, and its threads."""

    validation: Annotated[float, Option(help="Share of the rows to score by.")] = 0.2
    task: Task = None
    ignore: Ignore = None
    types: Types = None
    seed: Seed = 0
    threads: Threads = None

    def options(self) -> "PreparationOptions":
        """The same as options of ``prepare``."""
        return {
            **Columns(ignore=self.ignore, types=self.types).options(),
            "task": task_name(self.task),
            "validation": self.validation or 0.2,
        }
