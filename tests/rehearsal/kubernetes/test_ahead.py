"""What a rehearsal loads before it is asked for is all that an installation's first pods and users would wait for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from core.rehearsal import ahead
ahead.load()
from core.rehearsal.google import discovery
from core.rehearsal.kubernetes import models
read = models.model.cache_info().misses
from simulated_cluster import Bench, deployment, service
before = set(sys.modules)
bench = Bench(Path(sys.argv[2]))
bench.put(deployment())
bench.put(service("web", 80, 8080, "web"))
bench.turn(60)
assert bench.available()
from core.rehearsal.mysql import session
session.load()
discovery.find("compute", "GET", "compute/v1/projects/p/zones")
print(models.model.cache_info().misses - read, sorted(m for m in set(sys.modules) - before if "sqlglot" in m))
"""


def test_nothing_is_left_to_be_read(tmp_path: Path) -> None:
    command = [sys.executable, "-P", "-c", PROGRAM, str(Path(__file__).parent), str(tmp_path / "w")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[3])
    assert (done.stdout, done.stderr[-2000:]) == ("0 []\n", "")
