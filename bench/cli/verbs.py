"""Verbs are imported when they are asked for: a list of models does not wait for what trains."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from pkgutil import resolve_name
from types import ModuleType
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

HELP_OPTIONS = {"help_option_names": ["-h", "--help"]}


@dataclass(frozen=True, slots=True)
class Verb:
    """One row: ``module:attribute`` of a function or a group of verbs, and an example of its use.

    The help of a function is its docstring, that of a group is ``help``.
    """

    what: str
    example: str = ""
    help: str = ""

    def summary(self) -> str:
        """Return the first paragraph of its help, read from the file and not imported."""
        if self.help:
            return self.help
        module, _, name = self.what.partition(":")
        spec = find_spec(module)
        assert spec is not None
        assert spec.origin is not None
        for node in ast.parse(Path(spec.origin).read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.name == name:
                return help_of(ast.get_docstring(node)).partition("\n\n")[0]
        raise AttributeError(f"{module} has no function {name}")

    def command(self, name: str) -> Any:
        """Import it, and return it as click's command."""
        found = resolve_name(self.what)
        if isinstance(found, typer.Typer):
            command = get_command(found)
            command.help = self.help
        else:
            alone = typer.Typer(rich_markup_mode="rich", add_completion=False)
            add_verbs(alone, {name: (found, self.example)})
            command = get_command(alone)
        command.name = name
        command.context_settings = {**command.context_settings, **HELP_OPTIONS}
        return command


def help_of(docstring: str | None) -> str:
    """Return a docstring of which each paragraph is one line, as wide as the terminal."""
    paragraphs = inspect.cleandoc(docstring or "").split("\n\n")
    return "\n\n".join(paragraph.replace("\n", " ") for paragraph in paragraphs)


class Command(TyperCommand):
    """A verb as click knows it."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Show its help."""
        import_help()
        super().format_help(ctx, formatter)


def add_verbs(app: typer.Typer, verbs: Mapping[str, tuple[Callable[..., None], str]]) -> None:
    """Add verbs: name -> what does it, whose docstring is its help, and an example of its use."""
    for name, (function, example) in verbs.items():
        epilog = f"Example: [bold]{example}[/bold]"
        app.command(name, cls=Command, help=help_of(function.__doc__), epilog=epilog)(function)


class Imported(MutableMapping[str, Any]):
    """Commands by name, each imported when it is asked for."""

    def __init__(self, verbs: Mapping[str, Verb]) -> None:
        self.verbs, self._known = verbs, dict[str, Any]()

    def __getitem__(self, name: str) -> Any:
        if name not in self._known:
            self._known[name] = self.verbs[name].command(name)
        return self._known[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self._known[name] = command

    def __delitem__(self, name: str) -> None:
        del self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.verbs)

    def __len__(self) -> int:
        return len(self.verbs)


UNUSED = {"rich.markdown": "Markdown", "rich.traceback": "Traceback"}
"""What typer's help imports for marks and errors that we do not have: a third of its time."""


def import_help() -> None:
    """Import what formats help without `UNUSED`, which is imported once it is called."""

    def later(module: str, name: str) -> type:
        def made(_: type, *args: Any, **options: Any) -> Any:
            return getattr(import_module(module), name)(*args, **options)

        return type(name, (), {"__new__": made})

    missing = {module: name for module, name in UNUSED.items() if module not in sys.modules}
    for module, name in missing.items():
        sys.modules[module] = ModuleType(module)
        setattr(sys.modules[module], name, later(module, name))
    try:
        import_module("typer.rich_utils")
    finally:
        for module in missing:
            del sys.modules[module]


def group_of(verbs: Mapping[str, Verb]) -> type[TyperGroup]:
    """Return a kind of group that has these verbs."""

    class Group(TyperGroup):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.commands = Imported(verbs)

        def list_commands(self, ctx: Any) -> list[str]:
            return [*verbs]

        def format_help(self, ctx: Any, formatter: Any) -> None:
            """Show what each verb does; for that none has to be imported."""
            import_help()
            imported = self.commands
            self.commands = {
                name: TyperCommand(name, help=verb.summary()) for name, verb in verbs.items()
            }
            try:
                super().format_help(ctx, formatter)
            finally:
                self.commands = imported

    return Group
