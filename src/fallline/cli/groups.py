"""Groups of options that several commands share; a command's function takes one as one parameter.

Modules for numbers and files are imported when a group is turned into values, not when the command
line starts.
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
Seed = Annotated[int, Option(help="The seed of all random draws: weights, split, shuffling.")]
Threads = Annotated[
    int | None,
    Option(help="Maximum number of threads; the result does not change.  [default: all free]"),
]
Task = Annotated[
    str | None, Option(help="binary, classes, numbers or counts; recognised by default.")
]
Ignore = Annotated[list[str] | None, Option(help="A column to leave out; may be repeated.")]
Types = Annotated[
    list[str] | None,
    Option(help="COLUMN=number, text, date, date:%d/%m/%Y or skip, to override; may be repeated."),
]
DateForms = Annotated[
    list[str] | None,
    Option("--types", help="COLUMN=date:%d/%m/%Y, the format of the dates."),
]
Split = Annotated[
    str,
    Option(help="random, or time: the rows are in chronological order, and the last are held out."),
]
Force = Annotated[bool, Option("--force", help="Replace a file of another kind.")]
Weights = Annotated[str | None, Option(help="The column with the weight of each row.")]


class ReadingOptions(Group):
    """How tables are read."""

    no_header: Annotated[
        bool, Option("--no-header", help="The file has no line with column names.")
    ] = False
    names: Annotated[str | None, Option(help="Column names for --no-header: age,sex,income.")] = (
        None
    )
    missing: Annotated[
        list[str] | None, Option(help="One more text that means missing; may be repeated.")
    ] = None
    encoding: Annotated[
        str | None,
        Option(help="The encoding of a text file that is not UTF-8: latin-1, cp1252, ..."),
    ] = None
    decimal: Annotated[
        str | None, Option(help="The decimal sign, . or ,; recognised if certain.")
    ] = None
    thousands: Annotated[
        str | None, Option(help="The thousands separator: , . ' or a blank; recognised if certain.")
    ] = None
    separator: Annotated[
        str | None, Option(help="The field separator: ; | tab, space (any number of blanks).")
    ] = None
    skip_lines: Annotated[int | None, Option(help="The number of title lines above the names.")] = (
        None
    )
    comment: Annotated[
        str | None, Option(help="Leave out lines that begin with this text, such as #.")
    ] = None
    sheet: Annotated[
        str | None, Option(help="The sheet of an Excel file: its name, or its number from 1.")
    ] = None

    def reading(
        self,
        only: Any = None,
        before: Mapping[str, Any] | None = None,
        forms: Mapping[str, str] | None = None,
    ) -> "Reading":
        """The same in the form for the readers of files; ``only`` are the columns wanted.

        ``before``: the options that a model was trained with; options given here take precedence.
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

    quiet: Annotated[bool, Option("--quiet", "-q", help="Print only the result.")] = False
    json: Annotated[bool, Option("--json", help="Print one JSON object instead of text.")] = False


class RecipeChoices(Group):
    """The task, the preset, and the options that replace the preset's settings."""

    task: Task = None
    preset: Annotated[
        str | None,
        Option(help="quick, standard or best (8 networks as one).  [standard, or by --time]"),
    ] = None
    hidden: Annotated[
        str | None,
        Option(help="Neurons of each hidden layer: 64,64; 0 for none.  [preset: 128,128]"),
    ] = None
    activation: Annotated[
        str | None, Option(help="The activation of the hidden layers.  [preset: silu]")
    ] = None
    optimizer: Annotated[
        str | None,
        Option(help="adam, adamw, gradient_descent, rmsprop or lbfgs  [preset: adamw]"),
    ] = None
    learning_rate: Annotated[
        float | None, Option(help="The learning rate.  [preset: 0.005, or less for few rows]")
    ] = None
    schedule: Annotated[
        str | None,
        Option(
            help="The learning-rate schedule: plateau, constant, step, exponential, cosine, "
            "inverse_scaling, warm_up or one_cycle  [preset: plateau]"
        ),
    ] = None
    epochs: Annotated[int | None, Option(help="Maximum passes over the rows.  [preset: 200]")] = (
        None
    )
    batch_size: Annotated[
        int | None, Option(help="Rows per step.  [preset: rows / 32, from 32 to 256]")
    ] = None
    l2: Annotated[
        float | None,
        Option(help="Penalty on the squared weights.  [preset: 0]"),
    ] = None
    l1: Annotated[
        float | None, Option("--l1", help="Penalty on the absolute values of the weights.")
    ] = None
    dropout: Annotated[
        float | None,
        Option(help="Share of hidden neurons switched off in each step.  [preset: 0.15]"),
    ] = None
    patience: Annotated[
        int | None,
        Option(
            help="Epochs without a better validation loss until the rate falls (schedule "
            "plateau) or training stops (other schedules).  [preset: 4, or 20]"
        ),
    ] = None
    bins: Annotated[
        int | None,
        Option(help="Maximum bins for a number; 0 for none.  [preset: 8 to 48, by rows]"),
    ] = None
    time: Annotated[
        str | None,
        Option(
            help="Maximum training time: 60s, 5m. Without --preset, best is trained if it fits; "
            "else the best so far is kept."
        ),
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
    """The rows for validation and test."""

    validation: Annotated[
        str, Option(help="Rows that choose the best epoch: a share of the rows, or a file.")
    ] = "0.15"
    test: Annotated[
        str | None, Option(help="Rows to score at the end: a share of the rows, or a file.")
    ] = None
    interval: Annotated[
        float | None,
        Option(help="Predict intervals or sets that contain the true value this often: 0.9."),
    ] = None
    by_class: Annotated[
        bool, Option("--by-class", help="The level of --interval holds within each class.")
    ] = False
    split: Split = "random"

    def options(self, reading: ReadingOptions) -> "TableOptions":
        """Shares, or tables, read like the training table."""
        return {
            "interval": self.interval,
            "by_class": self.by_class,
            "split": self.split,
            "validation": share_or_table("validation", self.validation, reading.table),
            "test": share_or_table("test", self.test, reading.table),
        }


class Columns(Group):
    """The kinds of columns, and the weights of rows."""

    weights: Weights = None
    class_weight: Annotated[
        str | None, Option(help="balanced: every class has the same total weight.")
    ] = None
    ignore: Ignore = None
    types: Types = None
    positive: Annotated[
        str | None, Option(help="Of two classes, the one that AUC and calibration refer to.")
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
            help="Learn from another model's predictions for each row, in this file: out-of-fold "
            "probabilities or numbers."
        ),
    ] = None
    soft_columns: Annotated[
        list[str] | None,
        Option(
            help="COLUMN=LABEL (for numbers COLUMN), if --soft has other names or TABLE itself has "
            "the columns; may be repeated."
        ),
    ] = None

    soft_share: Annotated[
        float, Option(help="The weight of these labels; the table's own have the rest.")
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
    """Columns of a table of which some rows are shown."""

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
    """How a long run is saved."""

    checkpoint_every: Annotated[
        int | None, Option(help="Epochs between two checkpoints.  [default: by time, 10 s]")
    ] = None
    resume: Annotated[
        bool, Option("--resume", help="Continue from the checkpoint of an interrupted run.")
    ] = False


class Place(Group):
    """Where the rows are stored while a network trains."""

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

    folds: Annotated[int, Option(help="The number of folds.")] = 5
    repeats: Annotated[int, Option(help="How often to repeat everything, with new folds.")] = 1
    groups: Annotated[
        str | None, Option(help="A column; rows with equal cells stay in one fold.")
    ] = None
    split: Split = "random"


class SweepRuns(Group):
    """The runs of a sweep."""

    seeds: Annotated[int, Option(help="Runs of each setting, with different seeds.")] = 5
    folds: Annotated[
        int | None, Option(help="Score by this many folds instead of held-out rows.")
    ] = None
    draws: Annotated[int | None, Option(help="Try this many random settings instead of all.")] = (
        None
    )
    halving: Annotated[
        int | None,
        Option(help="Train all settings for few epochs, one in N for N times as many, and so on."),
    ] = None


class SweepFiles(Group):
    """What a sweep writes."""

    output: Annotated[
        str | None, Option("--output", "-o", help="The file for all runs: .csv or .parquet.")
    ] = None
    model: Annotated[str | None, Option(help="The file for the best network.")] = None
    report: Annotated[
        str | None, Option(help="Write a page about the sweep to this .html file.")
    ] = None
    log: Annotated[
        str | None,
        Option(help="Store each run when it ends; with the same file, a sweep continues."),
    ] = None
    force: Force = False


class SweepProblem(Group):
    """The rows of a sweep, and its threads."""

    validation: Annotated[float, Option(help="Share of the rows that gives the score.")] = 0.2
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
