"""Late dataclasses are the standard ones, but for the moment at which they are made."""

import copy
import dataclasses
import inspect
import pickle
import subprocess
import sys
import threading
from typing import Any

import pytest

from fallline import dataclass as late


class Noted:
    """What both decorators are given: a field of every kind, a property, a method of its own."""

    first: float
    second: "int | list[int]" = 2
    listed: list[int] = dataclasses.field(default_factory=list)
    unseen: float = dataclasses.field(default=1.0, repr=False, compare=False)
    derived: float = dataclasses.field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "derived", 2 * self.first)

    @property
    def half(self) -> float:
        return self.first / 2


class Further:
    """Its subclass."""

    third: str = "c"

    def __repr__(self) -> str:
        return f"<{self.third}>"


def twice(decorator: Any, **options: Any) -> tuple[type, type]:
    """A class and its subclass, made from the same source by this decorator."""
    own = {name: value for name, value in vars(Noted).items() if name not in LEFT_OUT}
    base = decorator(frozen=True, **options)(type("Noted", (), own))
    own = {name: value for name, value in vars(Further).items() if name not in LEFT_OUT}
    return base, decorator(frozen=True, **options)(type("Further", (base,), own))


LEFT_OUT = {"__dict__", "__weakref__"}


def said_by(call: Any) -> str:
    """What it returns, or the error it raises."""
    try:
        return repr(call())
    except Exception as error:
        return f"{type(error).__name__}: {error}"


USES = {
    "signature": lambda A, B: (inspect.signature(A), inspect.signature(B)),
    "fields": lambda A, B: [(f.name, f.init, f.repr, f.compare) for f in dataclasses.fields(B)],
    "is one": lambda A, B: (dataclasses.is_dataclass(A), dataclasses.is_dataclass(B(1.0))),
    "match args": lambda A, B: (A.__match_args__, B.__match_args__),
    "parameters": lambda A, B: A.__dataclass_params__,
    "repr": lambda A, B: (A(1.0, 3), B(1.0, third="d")),
    "equal": lambda A, B: (A(1.0) == A(1.0), A(1.0) == A(2.0), A(1.0) == B(1.0), A(1.0) != 3),
    "unseen is not compared": lambda A, B: A(1.0, unseen=3.0) == A(1.0),
    "hash": lambda A, B: len({A(1.0, listed=()), A(1.0, listed=()), A(2.0, listed=())}),
    "hash of a list": lambda A, B: type(hash(A(1.0))),
    "default": lambda A, B: (A.second, A(1.0).second, A.unseen),
    "no default": lambda A, B: (A(1.0), A.listed),
    "asdict": lambda A, B: dataclasses.asdict(B(1.0)),
    "replace": lambda A, B: dataclasses.replace(A(1.0), first=4.0).derived,
    "replace derived": lambda A, B: dataclasses.replace(A(1.0), derived=4.0),
    "copy": lambda A, B: (copy.copy(A(1.0)), copy.deepcopy(B(1.0)) == B(1.0)),
    "missing": lambda A, B: A(),
    "unknown": lambda A, B: A(1.0, fourth=3),
    "too many": lambda A, B: B(*range(9)),
    "assign": lambda A, B: setattr(A(1.0), "first", 2.0),
    "assign of subclass": lambda A, B: setattr(B(1.0), "first", 2.0),
    "assign new": lambda A, B: setattr(A(1.0), "fourth", 2.0),
    "delete": lambda A, B: delattr(A(1.0), "first"),
    "assign on class": lambda A, B: (A.half, setattr(A, "half", 3), A(1.0).half)[2],
    "super": lambda A, B: super(B, B(1.0)).__repr__(),
    "plain subclass": lambda A, B: said_by_subclass(A),
    "frozen subclass": lambda A, B: dataclasses.dataclass(frozen=True)(type("C", (A,), {}))(1.0),
    "melted subclass": lambda A, B: dataclasses.dataclass(type("C", (A,), {})),
    "qualified": lambda A, B: (A.__init__.__qualname__, A.__init__.__module__, A.__doc__),
}


def said_by_subclass(A: type) -> tuple[str, ...]:
    """A subclass that is no dataclass may have attributes of its own, but not change a field."""

    class Plain(A):  # type: ignore[misc,valid-type]
        def __init__(self) -> None:
            super().__init__(1.0)
            self.own = 3

    plain = Plain()
    return repr(plain.own), said_by(lambda: setattr(plain, "first", 2.0)), repr(plain)


@pytest.mark.parametrize("use", USES.values(), ids=USES)
@pytest.mark.parametrize("eq", [True, False])
def test_a_late_class_is_a_standard_one(use: Any, eq: bool) -> None:
    """Each use is the first one of a new class."""
    mine, standard = (
        said_by(lambda made=made: use(*twice(made, eq=eq)))
        for made in (late.dataclass, dataclasses.dataclass)
    )
    places = [text.split(" at 0x")[0] for text in (mine, standard)]
    assert places[0] == places[1]


@late.dataclass(frozen=True)
class Kept:
    """A class that pickle finds."""

    number: int


def test_a_pickle_is_the_first_use() -> None:
    stored = pickle.dumps(Kept(3))
    code = (
        "import pickle, sys\n"
        f"kept = pickle.loads({stored!r})\n"
        "print(kept, kept == type(kept)(3), hash(kept) == hash(type(kept)(3)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "Kept(number=3) True True"


def test_threads_may_make_the_first_instances_together() -> None:
    pause = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    errors: list[Exception] = []

    def use(cls: type, start: threading.Barrier) -> None:
        start.wait()
        try:
            assert repr(cls(1.0)) == "Noted(first=1.0, second=2, listed=[])"
        except Exception as error:
            errors.append(error)

    try:
        for _ in range(30):
            base, start = twice(late.dataclass)[0], threading.Barrier(4)
            threads = [threading.Thread(target=use, args=(base, start)) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    finally:
        sys.setswitchinterval(pause)
    assert errors == []


def test_only_frozen_ones_are_late() -> None:
    with pytest.raises(ValueError, match="only frozen"):
        late.dataclass(frozen=False)


def test_an_optimizer_that_is_not_used_is_not_made() -> None:
    code = (
        "import fallline as fl\n"
        "fl.GradientDescent(0.1)\n"
        "print([type(vars(kind)['__init__']).__name__ for kind in (fl.GradientDescent, fl.Adam)])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "['function', 'StandIn']"
