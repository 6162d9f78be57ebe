"""Terraform on small configurations of its built-in type, so that no provider is needed."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.run.clock import Clock
from core.terraform import Backend, Terraform, Workspace

TWO = """
variable "word" { type = string }
resource "terraform_data" "first" { input = var.word }
resource "terraform_data" "second" { input = terraform_data.first.output }
output "word" { value = terraform_data.first.output }
"""


@dataclass
class Heard:
    """A reporter that keeps everything."""

    logged: list[str] = field(default_factory=list)
    progressed: list[tuple[str, float | None]] = field(default_factory=list)
    resources: list[tuple[Any, ...]] = field(default_factory=list)

    def log(self, text: str) -> None:
        self.logged.append(text)

    def progress(self, message: str, fraction: float | None = None) -> None:
        self.progressed.append((message, fraction))

    def resource(self, kind: str, id: str, action: str, state: str, seconds: float = 0.0) -> None:
        self.resources.append((kind, id, action, state))


def module(root: Path, text: str) -> Path:
    """A folder of modules with one, ``small``."""
    folder = root / "source" / "small"
    folder.mkdir(parents=True, exist_ok=True)
    (root / "source" / "modules").mkdir(exist_ok=True)
    (folder / "main.tf").write_text(text)
    return folder.parent


def made(root: Path, text: str, command: list[str], **variables: Any) -> Terraform:
    """Terraform in a prepared work directory."""
    workspace = Workspace(root / "work" / "small", module(root, text), "small")
    workspace.prepare(variables=variables, backend=Backend())
    mirror = root / "mirror"
    mirror.mkdir(exist_ok=True)
    environment = {"PATH": os.environ["PATH"], "HOME": str(root)}
    return Terraform(workspace, command, environment, mirror, Clock())
