"""``python -P -m core.cli`` is the same as ``mlops-env``."""

from core.cli.main import program

program()
