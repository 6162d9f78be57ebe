"""The entry: parses, runs one command, and turns every error into one sentence and an exit code; never a traceback."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from core import garbage
from core.cli.output import Output
from core.errors import CancelledByUser, MlopsError, no_room


def program() -> NoReturn:
    """What ``mlops-env`` runs: `main`, and then the end, at once.

    Python takes longer to put its modules away than many a command takes; nothing here needs that.
    """
    garbage.look_seldom()
    _open_closed()
    try:
        code = main()
    except SystemExit as end:  # argparse's
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except KeyboardInterrupt:  # while it still loads
        code = CancelledByUser.exit_code
    for thread in threading.enumerate():
        if thread is not threading.main_thread() and not thread.daemon:
            thread.join()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # nobody reads it any more
            stream.flush()
    os._exit(code)


def _open_closed() -> None:
    """Has the null device stand where the caller closed a standard stream.

    Python has None there, and the next file that is opened would take its number: what a child prints would go into it.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one
            os.set_inheritable(number, True)
            setattr(sys, name, os.fdopen(number, "w" if number else "r", encoding="utf-8", closefd=False))


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command line; returns its exit code."""
    if sys.platform == "win32":
        print(
            "mlops-env runs on Linux, macOS and WSL: install it in WSL, from where it serves Windows' ssh too.",
            file=sys.stderr,
        )
        return 3
    from core.cli.parser import parse

    arguments = parse(sys.argv[1:] if argv is None else argv)
    out = Output(json=arguments.output == "json")
    try:
        command = import_module(f"core.cli.{arguments.module}")
        code = getattr(command, arguments.function)(arguments, out)
        sys.stdout.flush()
        return int(code or 0)
    except MlopsError as error:
        out.error(error)
        return error.exit_code
    except KeyboardInterrupt:
        return CancelledByUser.exit_code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except Exception as error:  # a defect of ours still ends in a sentence
        if (told := no_room(error)) is not None:
            out.error(told)
            return told.exit_code
        return _defect(error, out)


def _defect(error: Exception, out: Output) -> int:
    """Writes the traceback to a file, and says where."""
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile("w", prefix="mlops-env-", suffix=".log", delete=False) as file:
        traceback.print_exception(error, file=file)
    out.error(
        MlopsError(
            "mlops-env met an error that it does not know.",
            code="internal",
            cause=f"{type(error).__name__}: {error}",
            hint=f"The details are in {file.name}.",
        )
    )
    return 1
