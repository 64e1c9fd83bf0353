"""Made-up files against their clean twins: the same table, or a refusal that says what to do."""

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from fallline.data.dates import column_seconds, find_form
from fallline.data.reading import read_table
from fallline.data.recognition import resolved
from fallline.data.table import Table
from fallline.errors import TableError

from . import made_tables

FAST, LONG = range(60), range(600)


def check_twin(table: Table, file: made_tables.Made, forms: dict[str, str]) -> None:
    """Every column of the file is that of its twin, and there is no other."""
    assert set(table.columns) == {*file.numbers, *file.texts, *file.dates}
    for name, clean in file.numbers.items():
        expected = np.array([np.nan if value is None else value for value in clean])
        np.testing.assert_allclose(table.numbers(name), expected, rtol=1e-9, atol=1e-12)
        np.testing.assert_array_equal(table.missing(name), np.isnan(expected))
    for name, texts in file.texts.items():
        assert table.texts(name).to_list() == texts
    for name, seconds in file.dates.items():
        form = forms.get(name, "").removeprefix("date:") or find_form(table, name)
        assert form is not None
        assert column_seconds(table, name, form).tolist() == seconds


def outcome(path: Path, file: made_tables.Made) -> str:
    """ "same" or "refused"; another table fails the test."""
    try:
        table = resolved(read_table(path))
        for name in file.dates:
            find_form(table, name)
    except TableError as refusal:
        message = str(refusal)
        assert path.name in message
        assert "--" in message, message
        assert re.search(r"(line|row|column) '?\w", message), message
        return "refused"
    check_twin(table, file, {})
    return "same"


def read_by_options(path: Path, file: made_tables.Made) -> None:
    """With the options that the messages name, each file is its twin."""
    table = resolved(read_table(path, missing=file.missing, **file.options), file.types)
    check_twin(table, file, file.types)


def check(folder: Path, seeds: range) -> Counter[str]:
    counts: Counter[str] = Counter()
    for seed in seeds:
        path, file = made_tables.write(folder, seed)
        try:
            counts[outcome(path, file)] += 1
            read_by_options(path, file)
        except (AssertionError, TableError) as error:
            raise AssertionError(f"seed {seed}: {file.story}\n{error}") from error
    return counts


def test_a_made_file_is_its_clean_twin_or_refused(tmp_path: Path) -> None:
    counts = check(tmp_path, FAST)
    assert counts["same"] > 0.5 * len(FAST)


@pytest.mark.long
def test_600_made_files_are_their_clean_twins_or_refused(tmp_path: Path) -> None:
    counts = check(tmp_path, LONG)
    assert counts["same"] > 0.5 * len(LONG)
