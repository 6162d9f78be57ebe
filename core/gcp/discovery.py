"""Google's discovery documents as the Python client brings them, with their roots set to the cloud that is talked to.

The client library makes and checks each request from the document (a method that is not there, a parameter that is
missing or of the wrong form is refused before anything is sent) and reads the answer; it does not send it. Roots are
replaced in the document itself, so that upload paths follow too.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from core.environment.cloud import Cloud


def document(api: str, version: str) -> dict[str, Any]:
    """The discovery document of an API; KeyError where the library has none."""
    path = _folder() / f"{api}.{version}.json"
    try:
        parsed: dict[str, Any] = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise KeyError(f"{api} {version}") from None
    return parsed


class Description:
    """An API as this cloud has it; ``location`` is for those that have a host in each region.

    The library writes the documentation of every method of a resource each time that it makes the resource, which takes
    longer than all else. So it gets to see one method at a time, and no schemas, which only that documentation is from.
    """

    def __init__(self, cloud: Cloud, api: str, version: str, *, location: str = "") -> None:
        self._document = document(api, version)
        self._document["schemas"] = _Undescribed()
        self._methods: dict[str, Callable[..., Any]] = {}
        root = cloud.api_root(api)
        if root:
            self._document["rootUrl"] = root
        elif location:
            self._document["rootUrl"] = self._document["rootUrl"].replace("https://", f"https://{location}-", 1)
        if root or location:
            self._document.pop("mtlsRootUrl", None)

    def request(self, method: str, params: dict[str, Any]) -> Any:
        """The library's request for a method by its path in the document, as in ``projects.locations.clusters.get``.

        Raises AttributeError for a method that is not there, TypeError for a parameter that is not or is wrong.
        """
        if method not in self._methods:
            self._methods[method] = self._method(method)
        return self._methods[method](**params)

    def _method(self, method: str) -> Callable[..., Any]:
        from googleapiclient.discovery import build_from_document, fix_method_name

        *above, name = method.split(".")
        resource = build_from_document({**self._document, **self._alone(above, name)}, http=_Unused())
        for part in above:
            resource = getattr(resource, fix_method_name(part))()
        made: Callable[..., Any] = getattr(resource, fix_method_name(name))
        return made

    def _alone(self, above: list[str], name: str) -> dict[str, Any]:
        """The document's part with one method and what it is below; ``NAME_media`` is the same method's media."""
        found, name = self._document, name.removesuffix("_media")
        try:
            for part in above:
                found = found["resources"][part]
            alone: dict[str, Any] = {"methods": {name: found["methods"][name]}, "resources": {}}
        except KeyError:
            raise AttributeError(f"{self._document['id']} has no method {'.'.join([*above, name])}") from None
        for part in reversed(above):
            alone = {"methods": {}, "resources": {part: alone}}
        return alone


class _Undescribed(dict[str, dict[str, Any]]):
    """Schemas that say nothing."""

    def __missing__(self, name: str) -> dict[str, Any]:
        return {"id": name, "type": "object"}


class _Unused:
    """Stands where the library wants a transport: it never sends anything itself here."""


@lru_cache(maxsize=1)
def _folder() -> Path:
    from googleapiclient import discovery_cache

    return Path(discovery_cache.__file__).parent / "documents"
