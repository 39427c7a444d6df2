"""The `lineside` command: its sub-commands, and one way for every error to leave."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Annotated

import typer

import lineside
from lineside.cli.stdout import forget_stdout, guard_stdout
from lineside.core.errors import DeviceError, LinesideError, MissingRuntimeError, OutputError

COMMANDS = {
    "inspect": "inspect_model",
    "detect": "detect",
    "track": "track",
    "eval": "evaluate",
    "convert": "convert_model",
    "quantize": "quantize",
    "tune": "tune",
    "demo": "demo",
    "init": "init_line",
    "check": "check_line",
    "run": "run_line",
    "recipe": "recipes",
    "judge": "judge_pictures",
    "study": "study",
    "health": "health",
    "cameras": "cameras",
    "plant": "plant",
    "outbox": "outbox",
    "verify": "verify",
    "replay": "replay",
    "devices": "devices",
    "plan": "plan",
    "simulate": "simulate_line",
}
"""Each command: a file of this folder, and the function in it or the group of commands."""

BAD_INPUT, BAD_DEVICE, BAD_OUTPUT = 2, 3, 4


def build(command: str | None = None) -> typer.Typer:
    """The application; with the one sub-command where it is known, so that no other is imported."""
    app = typer.Typer(
        name="lineside",
        help="Judges products on a production line with YOLO models: never silently wrong.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None if command else "rich",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    for name in [command] if command in COMMANDS else COMMANDS:
        module = importlib.import_module(f"lineside.cli.{_file(name)}")
        found = getattr(module, COMMANDS[name])
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=name)
        else:
            app.command(name)(found)
    return app


def _file(command: str) -> str:
    return {"inspect": "inspect_"}.get(command, command)


def _version(value: bool) -> None:  # noqa: FBT001 # typer calls it with the option's value
    if value:
        typer.echo(f"lineside {lineside.__version__}")
        raise typer.Exit


def _root(
    *,
    version: Annotated[  # the callback does the work
        bool, typer.Option("--version", help="Show the version.", is_eager=True, callback=_version)
    ] = False,
) -> None:
    """Judges products on a production line with YOLO models: never silently wrong."""


def exit_code(error: LinesideError) -> int:
    """The exit code of an error: 2 bad input or settings, 3 device or no runtime for any, 4 output."""
    if isinstance(error, DeviceError | MissingRuntimeError):
        return BAD_DEVICE
    return BAD_OUTPUT if isinstance(error, OutputError) else BAD_INPUT


def main() -> None:
    """Run the command line and leave with its exit code."""
    asked = next((a for a in sys.argv[1:] if not a.startswith("-")), None)
    # A bad file is told by us, once; the lines of the libraries below would only hide it.
    os.environ.setdefault("OPENCV_LOG_LEVEL", "OFF")
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    guard_stdout()
    plain = asked if asked in COMMANDS and not {"-h", "--help"} & set(sys.argv[1:]) else None
    try:
        build(plain)()
    except LinesideError as error:
        typer.echo(f"error: {error} [{error.code}]", err=True)
        _let_go()
        sys.exit(exit_code(error))
    except BrokenPipeError:
        # The reader of our output went away; what it did not read is not ours to report on stdout again.
        forget_stdout()
        sys.exit(BAD_OUTPUT)


def _let_go() -> None:
    """Forget what standard output did not take: it was told, and the interpreter's end would tell it again, with another exit code."""
    try:
        sys.stdout.flush()
    except (OutputError, OSError):
        forget_stdout()


if __name__ == "__main__":
    main()
