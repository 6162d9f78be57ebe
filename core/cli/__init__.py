"""The command line: every flag in `parser`, what is printed in `output`, one module a group of commands.

stdout is data, stderr is narration. A command imports what it needs when it runs, so that ``--help``, ``--version``,
``list`` and ``status`` start fast.
"""

from core.cli.main import main, program

__all__ = ["main", "program"]
