"""How the app ends on a defect of its own: one line on the terminal, the traceback in a file, and never a local variable.

A traceback with locals once put a typed password on the terminal three times. What is written passes the redactor.
"""

from __future__ import annotations

import os
import time
import traceback

from core.environment import Home
from core.run.redact import Redactor

FILE = "app.log"


def record(error: BaseException, home: Home, redactor: Redactor) -> str:
    """Appends the traceback to the app's log; returns the log's path, or where nothing can be written what it was."""
    told = redactor.text("".join(traceback.format_exception(error)))
    try:
        path = home.ensure() / FILE
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(handle, "a", encoding="utf-8") as file:
            file.write(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())}\n{told}\n")
    except Exception as failed:  # the line for the person must come in any case
        return f"nowhere: {failed}"
    return str(path)


def sentence(path: str) -> str:
    """The one line that a person sees."""
    return f"mlops-env met an error that it does not know. The details are in {path}. Runs go on: mlops-env list"
