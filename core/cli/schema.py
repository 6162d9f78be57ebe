"""``mlops-env schema``: the JSON Schema of an answers file."""

from __future__ import annotations

import argparse

from core.cli.output import Output


def schema(_: argparse.Namespace, out: Output) -> int:
    """Prints the schema."""
    from core.parameters.schema import json_schema

    out.document(json_schema())
    return 0
