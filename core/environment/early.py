"""A process that loads what it will need before it is known what it is to do.

``python -P -m core.environment.early COMMON MODULE LOAD``, started by `processes.begin`: COMMON (where it is not empty) and
LOAD are called, each a ``PACKAGE:FUNCTION``. Then the first line of standard input says where it works and what MODULE's
arguments are, and MODULE is run as by ``python -m`` with the rest of standard input; where there is no such line, nothing is
to be done.

With a second MODULE and LOAD, and two open files after them, as `processes.begin_both` has it, a fork that belongs to nobody
does the same for those, and has the two files for its standard input and output. What COMMON loads is loaded once.
"""

from __future__ import annotations

import contextlib
import json
import os
import runpy
import sys
import warnings
from importlib import import_module

from core import garbage


def main() -> None:
    """Loads, waits for the line, and becomes the module."""
    common, module, load, *other = sys.argv[1:]
    garbage.look_seldom()
    _load(common)
    if other:
        handles = [int(handle) for handle in other[2:]]
        if _forked():
            module, load = other[:2]
            for number, handle in enumerate(handles):
                os.dup2(handle, number)
        for handle in handles:
            os.close(handle)
    _load(load)
    line = sys.stdin.buffer.readline()
    if not line:
        return
    header = json.loads(line)
    log = os.open(header["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 2)
    os.close(log)
    os.chdir(header["folder"])
    sys.argv = [module, *header["arguments"]]
    warnings.filterwarnings("ignore", ".* found in sys.modules after import", RuntimeWarning)  # as ``load`` has it
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _load(named: str) -> None:
    """Calls a function by its name. Whatever is wrong, the module meets it again, and has a log to say it in."""
    package, _, function = named.partition(":")
    with garbage.loading(), contextlib.suppress(Exception):
        if named:
            getattr(import_module(package), function)()


def _forked() -> bool:
    """Whether this is a new process, in a session of its own, whose parent has gone."""
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return False
    os.setsid()
    if os.fork():
        os._exit(0)
    return True


if __name__ == "__main__":
    main()
