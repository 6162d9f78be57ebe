"""Terraform, driven as a person would drive it, with nothing left to chance.

`workspace` lays out the work directory, in which a plain ``terraform plan`` works too; `command` is the program with its
subcommands; `process` runs one of them as a child that obeys a single SIGINT and outlives its parent in good order;
`stream` reads the events it writes; `diagnostics` says what its errors mean; `plans` what it would change; `locks` whose
lock lies on the state; `mirror` where the providers come from.
"""

from core.terraform.command import Terraform
from core.terraform.diagnostics import AlreadyThere, Diagnostic, MadeInVain, StateLocked, error_of
from core.terraform.mirror import providers_mirror
from core.terraform.plans import Change, Plan
from core.terraform.stream import Completed
from core.terraform.workspace import Backend, Workspace

__all__ = [
    "AlreadyThere",
    "Backend",
    "Change",
    "Completed",
    "Diagnostic",
    "MadeInVain",
    "Plan",
    "StateLocked",
    "Terraform",
    "Workspace",
    "error_of",
    "providers_mirror",
]
