"""Where the folders that are no Python stand: Terraform's modules, the overlays, the templates.

They are read in place from a checkout and travel inside the package in a wheel, so that both run the same files.
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def folder(name: str) -> Path:
    """The folder ``terraform``, ``kustomize`` or ``devcontainer-templates``; never to be written to."""
    packed = _PACKAGE / "_data" / name
    return packed if packed.is_dir() else _PACKAGE.parent / name
