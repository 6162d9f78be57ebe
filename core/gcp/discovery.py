"""Google's discovery documents as the Python client brings them, with their roots set to the cloud that is talked to.

The client library makes and checks each request from the document (a method that is not there, a parameter that is
missing or of the wrong form is refused before anything is sent) and reads the answer; it does not send it. Roots are
replaced in the document itself, so that upload paths follow too.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from core.environment.cloud import Cloud

_KEPT = "_mlops_env_below"


def document(api: str, version: str) -> dict[str, Any]:
    """The discovery document of an API; KeyError where the library has none."""
    path = _folder() / f"{api}.{version}.json"
    try:
        parsed: dict[str, Any] = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise KeyError(f"{api} {version}") from None
    return parsed


def resource(cloud: Cloud, api: str, version: str, *, location: str = "") -> Any:
    """The library's resource for an API of this cloud; ``location`` for those that have a host in each region."""
    from googleapiclient.discovery import build_from_document

    found = document(api, version)
    root = cloud.api_root(api)
    if root:
        found["rootUrl"] = root
        found.pop("mtlsRootUrl", None)
    elif location:
        found["rootUrl"] = found["rootUrl"].replace("https://", f"https://{location}-", 1)
        found.pop("mtlsRootUrl", None)
    return build_from_document(found, http=_Unused())


def request(resource: Any, method: str, params: dict[str, Any]) -> Any:
    """The library's request for a method by its path in the document, as in ``projects.locations.clusters.get``."""
    from googleapiclient.discovery import fix_method_name

    path, _, name = method.rpartition(".")
    return getattr(_below(resource, path), fix_method_name(name))(**params)


def _below(resource: Any, path: str) -> Any:
    """What stands below a resource of the library, which would make all its methods anew each time it is asked for it."""
    from googleapiclient.discovery import fix_method_name

    if not path:
        return resource
    kept = vars(resource).setdefault(_KEPT, {})
    if path not in kept:
        parent, _, name = path.rpartition(".")
        kept[path] = getattr(_below(resource, parent), fix_method_name(name))()
    return kept[path]


class _Unused:
    """Stands where the library wants a transport: it never sends anything itself here."""


@lru_cache(maxsize=1)
def _folder() -> Path:
    from googleapiclient import discovery_cache

    return Path(discovery_cache.__file__).parent / "documents"
