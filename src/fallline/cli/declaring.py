"""Commands made from functions: a parameter's annotation holds its type, its names and its help.

A function takes the values of Click: numbers, texts, flags and lists. A parameter whose annotation
is a subclass of :class:`Group` means all options of the group.
"""

from collections.abc import Callable, Iterator
from inspect import Parameter, cleandoc, signature
from types import NoneType, UnionType
from typing import Any, dataclass_transform, get_args, get_origin

import click

__all__ = ["Argument", "Commands", "Group", "Option"]


class Commands(click.Group):
    """Commands in the order of their functions; the options of a command are made when it is used.

    ``commands`` holds their bare names, from which Click suggests a name for a misspelled one.
    """

    def __init__(self, *given: Any, **settings: Any) -> None:
        super().__init__(*given, **settings)
        self.functions: dict[str, Callable[..., None]] = {}

    def declare(self, function: Callable[..., None]) -> Callable[..., None]:
        """Make a function a command; a decorator."""
        self.functions[function.__name__] = function
        self.add_command(click.Command(function.__name__))
        return function

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.functions)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        function = self.functions.get(cmd_name)
        return None if function is None else command(function)


class Option:
    """The names of an option, if not only --its-name, and its help."""

    def __init__(self, *names: str, help: str) -> None:
        self.names, self.help = names, help

    def made(self, name: str, kind: type, several: bool, default: Any) -> click.Option:
        """The option for a parameter; it is required if there is no default."""
        return click.Option(
            [name, *(self.names or ["--" + name.replace("_", "-")])],
            type=kind,
            multiple=several,
            is_flag=True if kind is bool else None,  # with False a required option takes no value
            help=self.help,
            show_default=True,
            **needed_or(default),
        )


class Argument:
    """The name of an argument in the help, and its help."""

    def __init__(self, *, metavar: str, help: str) -> None:
        self.metavar, self.help = metavar, help

    def made(self, name: str, kind: type, several: bool, default: Any) -> click.Argument:
        """The argument for a parameter; it is required if there is no default."""
        return click.Argument(
            [name],
            type=kind,
            nargs=-1 if several else 1,
            metavar=self.metavar + "..." * several,
            help=self.help,
            **needed_or(default),
        )


def needed_or(default: Any) -> dict[str, Any]:
    """The settings of Click for a parameter's default value."""
    return {"required": True} if default is Parameter.empty else {"default": default}


@dataclass_transform(kw_only_default=True, frozen_default=True)
class Group:
    """Options that several commands share: annotated attributes, whose values are the defaults."""

    def __init__(self, **given: Any) -> None:
        vars(self).update(given)

    @classmethod
    def parameters(cls) -> Iterator[Parameter]:
        """Its options as parameters of a function."""
        for name, annotation in cls.__annotations__.items():
            default = getattr(cls, name, Parameter.empty)
            yield Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def command(function: Callable[..., None]) -> click.Command:
    """The command that calls ``function``, named and described as it is."""
    groups: dict[str, type[Group]] = {}
    flat: list[Parameter] = []
    for name, parameter in signature(function).parameters.items():
        if isinstance(parameter.annotation, type) and issubclass(parameter.annotation, Group):
            groups[name] = parameter.annotation
            flat += parameter.annotation.parameters()
        else:
            flat.append(parameter)

    def call(**given: Any) -> None:
        values = {n: list(v) if isinstance(v, tuple) else v for n, v in given.items()}
        for name, group in groups.items():
            own = [parameter.name for parameter in group.parameters()]
            values[name] = group(**{each: values.pop(each) for each in own})
        function(**values)

    return click.Command(
        function.__name__,
        callback=call,
        params=[of_click(parameter) for parameter in flat],
        help=cleandoc(function.__doc__ or ""),
    )


def of_click(parameter: Parameter) -> click.Parameter:
    """Click's parameter for an annotated one: ``Annotated[int | None, Option(help="...")]``."""
    kind, declared = get_args(parameter.annotation)
    if isinstance(kind, UnionType):
        kind = next(each for each in get_args(kind) if each is not NoneType)
    several = get_origin(kind) is list
    made: click.Parameter = declared.made(
        parameter.name, get_args(kind)[0] if several else kind, several, parameter.default
    )
    return made
