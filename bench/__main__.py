"""``python -P -m bench [ROW…]``: measures the rows (all when none is named) and writes ``bench/results.json``."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

from bench import app
from bench.applying import applying
from bench.checks import checks
from bench.commands import help, status
from bench.installations import nothing_to_do, realistic, without_waiting
from bench.measure import Lacking, Row
from bench.relay import ROWS as RELAY
from bench.tunnel import ROWS as TUNNEL

RESULTS = Path(__file__).with_name("results.json")
ROWS: dict[str, Callable[[], Row]] = {
    "realistic": realistic,
    "applying": applying,
    "nothing": nothing_to_do,
    "help": help,
    "status": status,
    "quick": without_waiting,
    "paint": app.first_paint,
    "reopened": app.reopened,
    "whole": app.whole_state,
    "stall": app.stall,
    "checks": checks,
    "memory": app.memory,
    **TUNNEL,
    **RELAY,
}


def main(names: list[str]) -> int:
    """Measures, prints a line a row, and writes the results; the exit code says whether every goal was reached."""
    unknown = set(names) - set(ROWS)
    if unknown:
        print(f"There is no row {min(unknown)}; there are: {', '.join(ROWS)}.", file=sys.stderr)
        return 2
    rows, whole = [], True
    for name in names or ROWS:
        try:
            row = ROWS[name]().to_dict()
        except Lacking as lacking:
            print(f"{name}: not measured. {lacking}", file=sys.stderr)
            whole = False
            continue
        rows.append(row)
        whole = whole and row["pass"]
        low, high = row["spread"]
        sign = "reached" if row["pass"] else "MISSED"
        print(f"{row['name']}: {row['value']} {row['unit']} ({low} to {high}), goal {row['goal']}: {sign}; {row['against']}")
    RESULTS.write_text(json.dumps(rows, indent=1) + "\n")
    return 0 if whole else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
