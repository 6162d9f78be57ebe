"""What may not stand anywhere in the repository."""

from __future__ import annotations

import re

import pytest
from house_files import ROOT, name, tracked

# In two halves, so that this file does not hold what it forbids.
REGISTRIES = [
    "pypi" + ".org", "pythonhosted" + ".org", "npmjs" + ".org", "crates" + ".io", "proxy.golang" + ".org",
    "repo.maven" + ".apache.org", "deb.debian" + ".org", "archive.ubuntu" + ".com",
]  # fmt: skip
PATHS = ["/wor" + "k/", "/roo" + "t/", ".." + "/shared"]
SECRETS = [r"-----BEGIN [A-Z ]*PRIVATE KEY-----\n[A-Za-z0-9+/=\n]{200}", r"AIza[0-9A-Za-z_-]{35}"]


def _holding(patterns: list[str]) -> list[str]:
    wanted = re.compile("|".join(patterns))
    found = []
    for path in tracked():
        match = wanted.search(path.read_bytes().decode(errors="replace"))
        if match:
            found.append(f"{name(path)}: {match.group()[:60]}")
    return found


def test_no_host_of_a_package_registry() -> None:
    assert not _holding([re.escape(host) for host in REGISTRIES])


def test_no_path_of_one_machine() -> None:
    assert not _holding([re.escape(path) for path in PATHS])


def test_no_key() -> None:
    assert not _holding(SECRETS)


def test_nothing_generated_is_kept() -> None:
    kept = [name(path) for path in tracked()]
    assert not [path for path in kept if re.search(r"(^|/)(__pycache__|\.venv|\.terraform)/|\.tfstate|results\.json$", path)]


@pytest.mark.parametrize("script", ["scripts/system-deps", "scripts/bare-path", "scripts/bare-debian", ".ci/run"])
def test_scripts_can_be_run(script: str) -> None:
    path = ROOT / script
    assert path.stat().st_mode & 0o111
    assert path.read_text().startswith("#!/bin/")
    assert "set -eu" in path.read_text()
