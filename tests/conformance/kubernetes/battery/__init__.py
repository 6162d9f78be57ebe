"""The battery: what is asked of both servers, in scenarios of one concern a module, each in a namespace of its own."""

from __future__ import annotations

from collections.abc import Iterator

from tests.conformance.kubernetes.side import Scenario


def scenarios() -> Iterator[tuple[str, Scenario]]:
    """Every scenario that needs no controller, by name."""
    from tests.conformance.kubernetes.battery import applying, custom, discovery, lists, lives, patches, refusals, rights

    for module in (discovery, lives, refusals, applying, patches, custom, lists, rights):
        yield from module.scenarios()
