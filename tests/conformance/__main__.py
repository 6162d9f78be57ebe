"""``python -P -m tests.conformance [PART…]``: holds the simulators against the real thing, all parts when none is named.

A line a part goes to stdout, and below it each difference that is not listed; what is being done, and what was left out,
goes to stderr. The exit code is 1 where a part did not pass, 2 for a name that is no part's.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from tests.conformance.frame import Place, Result, judge, listed, to_its_end
from tests.conformance.parts import PARTS

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mlops-env-conformance"
SHOWN = 200


def main(names: list[str]) -> int:
    """Runs the parts and prints what became of them."""
    if unknown := set(names) - set(PARTS):
        print(f"There is no part {min(unknown)}; there are: {', '.join(PARTS)}.", file=sys.stderr)
        return 2
    known, passed = listed(), True
    CACHE.mkdir(parents=True, exist_ok=True)
    for name in names or PARTS:
        with tempfile.TemporaryDirectory(prefix="conformance-") as scratch:
            result = judge(name, to_its_end(PARTS[name](Place(CACHE, Path(scratch), _say))), known)
        _print(result)
        passed = passed and result.passed
    return 0 if passed else 1


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _print(result: Result) -> None:
    print(result.line())
    for line in result.unlisted[:SHOWN]:
        print(f"  differs: {line}")
    if more := result.unlisted[SHOWN:]:
        print(f"  differs: {len(more)} more")
    for entry in result.stale:
        print(f"  listed, but does not differ: {entry}")
    for left in result.left_out:
        print(f"  left out: {left.name}: {left.reason}", file=sys.stderr)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
