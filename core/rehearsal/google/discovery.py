"""Google's own discovery documents, as a router: which documented method does a request mean?

The documents lie inside google-api-python-client. One is read when its API is first called (compute's takes some 30 ms)
and turned into a tree over the segments of its paths; a method's own pattern is compiled when it is first met, since an
API has up to a thousand methods and a rehearsal meets a few dozen.
"""

from __future__ import annotations

import functools
import json
import re
import urllib.parse
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.rehearsal.store import Document

VERSIONS: dict[str, tuple[str, ...]] = {
    "serviceusage": ("v1", "v1beta1"),
    "cloudresourcemanager": ("v1", "v3"),
    "iam": ("v1", "v2"),
    "iamcredentials": ("v1",),
    "compute": ("v1",),
    "container": ("v1", "v1beta1"),
    "sqladmin": ("v1", "v1beta4"),
    "storage": ("v1",),
    "secretmanager": ("v1",),
    "artifactregistry": ("v1", "v1beta2"),
    "cloudbuild": ("v1", "v2"),
    "servicenetworking": ("v1",),
    "cloudbilling": ("v1",),
    "orgpolicy": ("v2",),
    "bigquery": ("v2",),
    "dataflow": ("v1b3",),
    "aiplatform": ("v1", "v1beta1"),
    "logging": ("v2",),
    "monitoring": ("v3",),
    "notebooks": ("v2", "v1"),
    "oslogin": ("v1",),
    "iap": ("v1",),
    "oauth2": ("v2",),
}
"""The APIs that are simulated, by their discovery names, and the versions of each."""


@dataclass(frozen=True, slots=True)
class Method:
    """One documented method; ``template`` is its path below the API's root, service path included."""

    api: str
    version: str
    id: str
    verb: str
    template: str
    parameters: dict[str, Document]
    request: str | None
    upload: bool
    document: Document = field(repr=False, compare=False)

    @property
    def common(self) -> dict[str, Document]:
        """The query parameters that every method of the API takes."""
        found: dict[str, Document] = self.document.get("parameters", {})
        return found

    @property
    def schemas(self) -> dict[str, Document]:
        """The API's types by name."""
        found: dict[str, Document] = self.document.get("schemas", {})
        return found

    def path_parameters(self, path: str) -> dict[str, str] | None:
        """The values in a path that the method's template (or its upload form) matches; None where it doesn't."""
        found = _pattern(self).fullmatch(path)
        if found is None:
            return None
        names = [n for n, p in self.parameters.items() if p.get("location") == "path"]
        return {n: urllib.parse.unquote(v) for n in names if (v := found.groupdict().get(_group(n))) is not None}


_Tree = dict[str, Any]
_HERE = "\0"


class Api:
    """The methods of one version of an API."""

    def __init__(self, name: str, version: str, document: Document) -> None:
        self.name, self.version, self.document = name, version, document
        self.title: str = document.get("title", name)
        self._tree: _Tree = {}
        self.methods: dict[str, Method] = {}
        for raw in _methods(document):
            self._add(raw)

    def find(self, verb: str, path: str) -> Method | None:
        """The method that a request means, by its verb and its path below the API's root (still quoted)."""
        segments = _segments(path)
        for method in _walk(self._tree, segments, 0):
            if method.verb == verb and method.path_parameters(path) is not None:
                return method
        return None

    def _add(self, raw: Document) -> None:
        service = self.document.get("servicePath", "")
        method = Method(
            api=self.name,
            version=self.version,
            id=raw["id"],
            verb=raw["httpMethod"],
            template=service + raw["path"],
            parameters=raw.get("parameters", {}),
            request=raw.get("request", {}).get("$ref"),
            upload=bool(raw.get("mediaUpload")),
            document=self.document,
        )
        self.methods.setdefault(method.id, method)
        node = self._tree
        for segment in _segments(service + raw.get("flatPath", raw["path"])):
            node = node.setdefault(_wild(segment), {})
        node.setdefault(_HERE, []).append(method)


@functools.cache
def api(name: str, version: str) -> Api:
    """One version of an API, read once."""
    return Api(name, version, json.loads((_folder() / f"{name}.{version}.json").read_bytes()))


def find(name: str, verb: str, path: str) -> Method | None:
    """The method of an API that a request means, whichever version it belongs to; None where none is documented."""
    versions = VERSIONS[name]
    segments = path.split("/")
    for version in sorted(versions, key=lambda v: v not in segments and f"{v}:" not in path):
        found = api(name, version).find(verb, path)
        if found is not None:
            return found
    return None


@functools.cache
def _folder() -> Path:
    import googleapiclient

    return Path(googleapiclient.__path__[0]) / "discovery_cache" / "documents"


def _methods(resource: Document) -> list[Document]:
    found = list(resource.get("methods", {}).values())
    for child in resource.get("resources", {}).values():
        found += _methods(child)
    return found


def _segments(path: str) -> list[str]:
    """The path's segments, a custom verb (``:setIamPolicy``) as one of its own."""
    segments = path.split("/")
    head, colon, verb = segments[-1].rpartition(":")
    if colon and "}" not in verb and "%" not in verb and re.fullmatch("[a-zA-Z]+", verb):
        segments[-1:] = [head, ":" + verb]
    return segments


def _wild(segment: str) -> str:
    return "*" if segment.startswith("{") else segment


def _walk(node: _Tree, segments: list[str], at: int) -> list[Method]:
    """Every method whose path fits, those with more literal segments first."""
    if at == len(segments):
        return list(node.get(_HERE, ()))
    found: list[Method] = []
    if segments[at] in node:
        found += _walk(node[segments[at]], segments, at + 1)
    if "*" in node:
        found += _walk(node["*"], segments, at + 1)
    return found


@functools.cache
def _compiled(template: str, patterns: tuple[tuple[str, str], ...]) -> re.Pattern[str]:
    known = dict(patterns)
    out = ""
    for literal, plus, name in re.findall(r"([^{]*)(?:\{(\+?)([^}]*)\})?", template):
        out += re.escape(literal)
        if name:
            inner = known.get(name, "").removeprefix("^").removesuffix("$") if plus else ""
            out += f"(?P<{_group(name)}>{inner or ('.+' if plus else '[^/]+')})"
    return re.compile(out)


def _pattern(method: Method) -> re.Pattern[str]:
    patterns = tuple(
        (n, p["pattern"]) for n, p in method.parameters.items() if p.get("location") == "path" and "pattern" in p
    )
    return _compiled(method.template, patterns)


def _group(name: str) -> str:
    return re.sub(r"\W", "_", name)
