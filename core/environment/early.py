"""A process that loads what it will need before it is known what it is to do.

``python -P -m core.environment.early MODULE PACKAGE:FUNCTION``, started by `processes.Beginning`. The function loads. Then
the first line of standard input says where it works and what MODULE's arguments are, and MODULE is run as by ``python -m``
with the rest of standard input; where there is no such line, nothing is to be done.
"""

from __future__ import annotations

import contextlib
import json
import os
import runpy
import sys
from importlib import import_module

from core import garbage


def main() -> None:
    """Loads, waits for the line, and becomes the module."""
    module, load = sys.argv[1:3]
    package, _, function = load.partition(":")
    garbage.look_seldom()
    # Whatever is wrong, the module meets it again, and has a log to say it in.
    with garbage.loading(), contextlib.suppress(Exception):
        getattr(import_module(package), function)()
    line = sys.stdin.buffer.readline()
    if not line:
        return
    header = json.loads(line)
    log = os.open(header["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 2)
    os.close(log)
    os.chdir(header["folder"])
    sys.argv = [module, *header["arguments"]]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
