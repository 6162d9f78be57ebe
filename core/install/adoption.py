"""What is there already where the platform wants something, and whose it is.

A run that was killed, or an answer that was lost after its effect, leaves things that Terraform does not know; making
them again meets a 409. So everything that a plan would make is looked at first. The environment's own carries its id, in
a label or, where its type has none, in the description, or belongs to something that does; it is imported. A stranger's
is named and left alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from core.errors import PermanentError
from core.names import Names
from core.prerequisites.existing import Document, Expected, expected, get

if TYPE_CHECKING:
    from core.gcp import Google


@dataclass
class Found:
    """What was looked at: one's own by address, and strangers'."""

    own: dict[str, tuple[Expected, Document]] = field(default_factory=dict)
    strangers: list[Expected] = field(default_factory=list)

    def refuse_strangers(self) -> None:
        """Raises `PermanentError` that names what is someone else's."""
        if self.strangers:
            listed = ", ".join(f"{e.what} {e.name}" for e in self.strangers)
            raise PermanentError(
                f"There is something already that is not this environment's: {listed}.",
                code="name-taken",
                cause="It does not carry this environment's id, so it is left alone.",
                hint="Remove it, or install under another name_prefix.",
            )


async def look(google: Google, names: Names, addresses: Iterable[str]) -> Found:
    """Looks at the resources of these addresses, side by side."""
    known = expected(names)
    wanted = [known[a] for a in addresses if a in known]
    found = Found()
    for item, document in zip(wanted, await asyncio.gather(*(get(google, e) for e in wanted)), strict=True):
        if document is None:
            continue
        if item.owned(document):
            found.own[item.address] = (item, document)
        else:
            found.strangers.append(item)
    return found
