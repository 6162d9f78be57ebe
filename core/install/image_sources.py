"""What a development image is built from: the files of its template, packed in memory, the same bytes each time.

Their digest is the image's tag, so a registry that has the tag has the image, and nothing has to be built.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass

from core import resources

NOT_BUILT_FROM = (".in",)
"""Endings of files that only say how others came about."""


@dataclass(frozen=True, slots=True)
class Sources:
    """The files of one template's image by their names."""

    template: str
    files: Mapping[str, bytes]

    @property
    def tag(self) -> str:
        """The tag of the image that is built from them."""
        digest = hashlib.sha256()
        for name, content in sorted(self.files.items()):
            digest.update(f"{name}\0{len(content)}\0".encode() + content)
        return f"src-{digest.hexdigest()[:16]}"

    def packed(self) -> bytes:
        """The files as Cloud Build takes them, without times or owners in it."""
        made = io.BytesIO()
        with tarfile.open(fileobj=made, mode="w") as archive:
            for name, content in sorted(self.files.items()):
                entry = tarfile.TarInfo(name)
                entry.size, entry.mode = len(content), 0o644
                archive.addfile(entry, io.BytesIO(content))
        return gzip.compress(made.getvalue(), mtime=0)


def sources(template: str) -> Sources:
    """The files of a template's image."""
    folder = resources.folder("devcontainer-templates") / template / "image"
    return Sources(
        template,
        {p.name: p.read_bytes() for p in sorted(folder.iterdir()) if p.is_file() and p.suffix not in NOT_BUILT_FROM},
    )
