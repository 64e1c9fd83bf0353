"""Every public name has an example in its docstring, and every example prints what it says."""

import doctest
import inspect
import sys
from collections.abc import Iterator
from operator import attrgetter
from typing import Any

import pytest

import fallline as fl

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
FINDER = doctest.DocTestFinder(exclude_empty=True)


def part_of_module(module: str) -> Iterator[str]:
    """The public functions and classes of a public module that have an example."""
    public = getattr(fl, module)
    for name in getattr(public, "__all__", ()):
        value = getattr(public, name)
        if callable(value) and any(test.examples for test in examples_of(value, name)):
            yield f"{module}.{name}"


def examples_of(value: Any, name: str) -> list[doctest.DocTest]:
    """The doctests of a function, or of a class and its public methods, in an empty namespace."""
    return FINDER.find(value, name, module=inspect.getmodule(value), globs={})


PARTS = [name for module in fl._MODULES for name in part_of_module(module)]


@pytest.fixture
def no_windows(monkeypatch) -> Iterator[None]:
    """Draw figures without a screen, and close them."""
    monkeypatch.setenv("MPLBACKEND", "agg")
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.mark.parametrize("name", [*fl._WHERE, *(f"plots.{name}" for name in fl.plots.__all__)])
def test_a_public_name_has_an_example(name: str) -> None:
    assert ">>> " in (attrgetter(name)(fl).__doc__ or ""), f"fallline.{name} has no example"


@pytest.mark.usefixtures("no_windows")
@pytest.mark.parametrize("name", [*fl._WHERE, *PARTS])
def test_examples_print_what_they_say(name: str, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    for test in examples_of(attrgetter(name)(fl), name):
        report: list[str] = []
        doctest.DocTestRunner(optionflags=FLAGS).run(test, out=report.append)
        assert not report, "".join(report)
