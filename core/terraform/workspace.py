"""Terraform's work directory: a copy of the module with its variables, its backend, and what this run adds to it.

The module is copied, never used in place: a wheel's folder can't be written to, and Terraform keeps its providers and its
lock file beside the code. Everything that a run needs stands in files that Terraform reads by itself, so that a plain
``terraform plan`` typed into the same directory says what the run would. No file ever holds a secret.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from core.environment.files import write_atomically

VARIABLES = "terraform.tfvars.json"
BACKEND = "backend.tf.json"
IMPORTS = "imports.tf.json"
MODULES = "modules"
STATE = "terraform.tfstate"
SETTLED = ".mlops-env.settled"


@dataclass(frozen=True, slots=True)
class Backend:
    """Where the state lies: in a bucket under a prefix, or (bucket empty) in the work directory."""

    bucket: str = ""
    prefix: str = ""

    def to_json(self) -> dict[str, Any] | None:
        """The block that declares it; None for a state in the work directory, which needs none."""
        return {"terraform": {"backend": {"gcs": {"bucket": self.bucket, "prefix": self.prefix}}}} if self.bucket else None


@dataclass(frozen=True, slots=True)
class Workspace:
    """A module's work directory, ``folder``; the modules that it calls lie beside it, as they do in ``source``."""

    folder: Path
    source: Path
    module: str

    def prepare(self, *, variables: Mapping[str, Any], backend: Backend) -> None:
        """Brings the directory up to date, writing only what differs."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _mirror(self.source / self.module, self.folder, keep=(VARIABLES, BACKEND, IMPORTS))
        _mirror(self.source / MODULES, self.folder.parent / MODULES)
        self.set_variables(variables)
        self._put(BACKEND, backend.to_json())
        local = self.folder / STATE
        if backend.bucket and local.is_file():
            # Terraform would ask whether to move it into the bucket, which has a state of its own.
            local.replace(local.with_suffix(".set-aside"))

    def set_variables(self, variables: Mapping[str, Any]) -> None:
        """Writes the variables, none of which is a secret."""
        self._put(VARIABLES, dict(variables))

    def set_imports(self, imports: Mapping[str, str]) -> None:
        """Has the next plan adopt resources: address → id, in the form that each type's import documents."""
        blocks = [{"to": address, "id": id} for address, id in sorted(imports.items())]
        self._put(IMPORTS, {"import": blocks} if blocks else None)

    @property
    def imports(self) -> dict[str, str]:
        """What the next plan adopts."""
        path = self.folder / IMPORTS
        blocks = json.loads(path.read_text())["import"] if path.is_file() else []
        return {block["to"]: block["id"] for block in blocks}

    def settled(self) -> None:
        """Terraform has just found, or brought about, that all is as these files say."""
        write_atomically(self.folder / SETTLED, self.digest())

    @property
    def as_settled(self) -> bool:
        """Whether the files say what they said when all was last found to be so: since then only others changed anything."""
        kept = self.folder / SETTLED
        return kept.is_file() and kept.read_text() == self.digest()

    def digest(self) -> str:
        """A checksum of all that the next plan follows from, imports apart."""
        here = [p for p in (*self.folder.glob("*.tf"), *self.folder.glob("*.tf.json")) if p.name != IMPORTS]
        paths = sorted([*here, self.folder / VARIABLES, *(self.folder.parent / MODULES).rglob("*.tf")])
        seen = [(path, path.stat()) for path in paths]
        return _checksum(tuple((path, stat.st_mtime_ns, stat.st_size, stat.st_ino) for path, stat in seen))

    def _put(self, name: str, content: Mapping[str, Any] | None) -> None:
        path = self.folder / name
        if content is None:
            path.unlink(missing_ok=True)
            return
        text = json.dumps(content, indent=2, sort_keys=True) + "\n"
        if not path.is_file() or path.read_text() != text:
            write_atomically(path, text)


@lru_cache(maxsize=4)
def _checksum(files: tuple[tuple[Path, int, int, int], ...]) -> str:
    """A checksum of files, read anew when one of them is another than it was."""
    found = hashlib.sha256()
    for path, *_ in files:
        found.update(f"{path}\0".encode() + path.read_bytes())
    return found.hexdigest()


def _mirror(source: Path, target: Path, keep: Sequence[str] = ()) -> None:
    """Makes the configuration below ``target`` what it is below ``source``; other files there are left alone."""
    wanted = {p.relative_to(source): p for p in source.rglob("*.tf") if ".terraform" not in p.relative_to(source).parts}
    for relative, path in wanted.items():
        copy = target / relative
        if not copy.is_file() or copy.read_bytes() != path.read_bytes():
            copy.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            shutil.copyfile(path, copy)
    for copy in target.rglob("*.tf"):
        relative = copy.relative_to(target)
        if relative not in wanted and copy.name not in keep and ".terraform" not in relative.parts:
            copy.unlink()
