"""Frozen dataclasses that are made at their first use.

``dataclasses.dataclass`` writes and compiles the source of six methods, 0.35 ms a class, and a
process that trains one network uses one of five optimisers. Here the decorator only notes the
class. The standard one makes the methods the moment that one of them, or the list of the fields, is
asked for; from then on the class is as if it had been made in the beginning.
"""

import dataclasses
import sys
from _thread import RLock
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

__all__ = ["dataclass"]

ALWAYS = ("__init__", "__repr__", "__dataclass_fields__", "__dataclass_params__", "__match_args__")
COMPARING = ("__eq__", "__hash__")
if sys.version_info >= (3, 13):
    ALWAYS += ("__replace__",)
lock = RLock()  # two threads may make the first instances


class Late:
    """A class whose attributes ``names`` the standard decorator makes when one is asked for."""

    def __init__(self, cls: type, eq: bool) -> None:
        wanted = (*ALWAYS, *COMPARING) if eq else ALWAYS
        self.cls, self.eq = cls, eq
        self.names = [name for name in wanted if name not in vars(cls)]
        self.twin: type | None = None
        for name in self.names:
            setattr(cls, name, StandIn(self, name))
        freeze(cls, self)

    def made(self) -> Any:
        """The class's twin, a standard dataclass, after the class itself has got its attributes."""
        with lock:
            if self.twin is None:
                self.twin = self.standard()
                fields = [name for name in self.cls.__annotations__ if name in vars(self.cls)]
                for name in (*self.names, *fields):
                    if name in vars(self.twin):
                        setattr(self.cls, name, vars(self.twin)[name])
                    else:  # of a field without a default
                        delattr(self.cls, name)
            return self.twin

    def standard(self) -> type:
        """A class with the same attributes as a standard dataclass, one attribute after another.

        The class itself must be whole at any time, for other threads.
        """
        own = {**vars(self.cls), "__annotations__": self.cls.__annotations__}
        for name in ("__dict__", "__weakref__", "__setattr__", "__delattr__", *self.names):
            own.pop(name, None)
        twin = type(self.cls.__name__, self.cls.__bases__, own)
        twin.__qualname__ = self.cls.__qualname__
        return dataclasses.dataclass(frozen=True, eq=self.eq)(twin)


class StandIn:
    """Stands for an attribute of a class until it is asked for."""

    def __init__(self, late: Late, name: str) -> None:
        self.late, self.name = late, name

    def __get__(self, instance: Any, owner: type) -> Any:
        found = vars(self.late.made())[self.name]
        bind = getattr(type(found), "__get__", None)
        return found if bind is None else bind(found, instance, owner)


def freeze(cls: Any, late: Late) -> None:
    """Refuse new values of fields, as the standard decorator does: subclasses may have more."""

    def refuse(self: Any, name: str, verb: str) -> None:
        if type(self) is cls or name in late.made().__dataclass_fields__:
            raise dataclasses.FrozenInstanceError(f"cannot {verb} field {name!r}")

    def assign(self: Any, name: str, value: Any) -> None:
        refuse(self, name, "assign to")
        super(cls, self).__setattr__(name, value)

    def delete(self: Any, name: str) -> None:
        refuse(self, name, "delete")
        super(cls, self).__delattr__(name)

    cls.__setattr__, cls.__delattr__ = assign, delete


if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(*, frozen: bool, eq: bool = True) -> Callable[[type], type]:
        """The decorator: see the module. Raises ValueError unless ``frozen``."""
        if not frozen:
            raise ValueError("only frozen dataclasses are made late")

        def decorate(cls: type) -> type:
            Late(cls, eq)
            return cls

        return decorate
