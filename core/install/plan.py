"""The graph of a run: which steps an installation or a destruction has. The order follows from their facts alone."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from core.install.installation import Installation
from core.run.step import Step

INSTALL = (
    "prerequisites", "services", "state", "manifests", "platform", "build_access", "image", "notebook", "cluster",
    "namespace", "secrets", "sql_proxy", "database_user", "pipelines", "access", "verify", "protect",
)  # fmt: skip
"""The modules of an installation's steps, in order of display; one whose ``wanted`` says no has none."""


def steps(installation: Installation, action: str, options: Mapping[str, Any]) -> list[Step]:
    """The steps of one run; ``action`` is ``install`` or ``destroy``."""
    if action == "destroy":
        from core.install.destroy import steps as destruction

        return destruction(installation, delete_data=bool(options.get("delete_data")))
    modules = [import_module(f"core.install.{name}") for name in INSTALL]
    return [m.step(installation) for m in modules if not hasattr(m, "wanted") or m.wanted(installation)]
