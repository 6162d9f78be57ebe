"""The folder that kustomize is pointed at: the overlays as they are shipped, the release beside them, and the values.

Everything is copied into one folder, and what the manifests refer to on GitHub is rewritten to the copies: kustomize then
needs no network and no git, fetches nothing twice, and the folder can be built again by hand with plain kubectl.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from core import resources
from core.errors import PermanentError
from core.kustomize import mends
from core.names import Names

SHIPPED = ("cluster-mends", "cluster-settings", "inverse-proxy", "mends", "release", "settings")
_REMOTE = re.compile(r"https://github\.com/(?P<repository>[\w.-]+/[\w.-]+?)(?:\.git)?/+(?P<path>[^?\s\"']+)\?ref=(?P<tag>[\w.-]+)"
                     r"(?:&[^\s\"']*)?")  # fmt: skip


class Remote(NamedTuple):
    """One folder of one repository at one tag, as a kustomization names it."""

    repository: str
    tag: str
    path: str

    @property
    def place(self) -> Path:
        """Where it stands in a release's folder."""
        return Path(self.repository) / self.tag / self.path


class Incomplete(PermanentError):
    """Raised when a release's folder lacks something that the overlay builds on."""

    def __init__(self, remote: Remote, release: Path) -> None:
        self.remote = remote
        super().__init__(
            f"The manifests of {remote.repository} {remote.tag} are not complete.",
            code="manifests-incomplete",
            cause=f"{release / remote.place} is not there.",
            hint="Set kfp_manifests to github, or to a folder with the manifests of both repositories.",
        )


@dataclass(frozen=True, slots=True)
class Values:
    """All in which the manifests of two environments differ."""

    namespace: str
    project: str
    sql_instance: str
    pipeline_root: str
    pipelines_account: str
    storage_class: str
    labels: tuple[tuple[str, str], ...]
    disk_labels: str
    inverse_proxy: bool = False

    @classmethod
    def of(cls, names: Names, *, inverse_proxy: bool = False) -> Values:
        """The values that follow from an environment's names."""
        return cls(
            namespace=names.namespace,
            project=names.project,
            sql_instance=names.sql_connection_name,
            pipeline_root=names.storage_root,
            pipelines_account=names.account_email(names.pipelines_account_id),
            storage_class=names.storage_class,
            labels=tuple(names.labels.items()),
            disk_labels=names.mark,
            inverse_proxy=inverse_proxy,
        )

    def environment(self) -> dict[str, object]:
        """The object that the mends read these values from; kustomize leaves it out of what it builds."""
        data = {
            "namespace": self.namespace,
            "project": self.project,
            "sqlInstance": self.sql_instance,
            "pipelineRoot": self.pipeline_root,
            "pipelinesAccount": self.pipelines_account,
            "storageClass": self.storage_class,
            "diskLabels": self.disk_labels,
        }
        local = {"config.kubernetes.io/local-config": "true"}
        metadata = {"name": "environment", "annotations": local}
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def needed(release: Path, folders: Iterable[Path]) -> set[Remote]:
    """What kustomize will ask GitHub for when it builds these folders, found in ``release`` as far as that has it."""
    found: set[Remote] = set()
    seen: set[Path] = set()
    waiting = list(folders)
    while waiting:
        folder = waiting.pop()
        if folder in seen:
            continue
        seen.add(folder)
        for entry in _entries(folder):
            remote = _remote(entry)
            if remote:
                found.add(remote)
            target = release / remote.place if remote else (folder / entry).resolve()
            if target.is_dir():
                waiting.append(target)
    return found


def _entries(folder: Path) -> list[str]:
    import yaml

    file = folder / "kustomization.yaml"
    if not file.is_file():
        return []
    fields = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    return [str(e) for key in ("resources", "bases", "components") for e in fields.get(key) or ()]


def _remote(text: str) -> Remote | None:
    match = _REMOTE.fullmatch(text)
    return Remote(match["repository"], match["tag"], match["path"].rstrip("/")) if match else None


def shipped() -> Path:
    """The overlays as they are shipped."""
    return resources.folder("kustomize")


class Layout(NamedTuple):
    """What kustomize is pointed at, the cluster's folder and the namespace's; ``inputs`` is a checksum of all it reads."""

    cluster: Path
    namespaced: Path
    inputs: str


def lay_out(work: Path, release: Path, values: Values, *, without: frozenset[str] = frozenset()) -> Layout:
    """Fills the folder ``work`` with everything that kustomize needs."""
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True, mode=0o700)
    for name in SHIPPED:
        _copy(shipped() / name, work / name)
    (work / "environment").mkdir()
    (work / "environment" / "environment.json").write_text(json.dumps(values.environment(), indent=1), encoding="utf-8")
    _write(work / "environment", {"resources": ["environment.json"]})
    built = _cluster(work, values, without), _namespaced(work, values, without)
    wanted = needed(release, built)
    for remote in sorted(wanted):
        if not (release / remote.place).is_dir():
            raise Incomplete(remote, release)
    for repository, tag in sorted({(r.repository, r.tag) for r in wanted}):
        _copy(release / repository / tag, work / "upstream" / repository / tag)
    _rewrite(work)
    return Layout(*built, _checksum(work))


def _cluster(work: Path, values: Values, without: frozenset[str]) -> Path:
    relabelled = {"host-network"} if not values.inverse_proxy else set()
    chosen = [m.name for m in mends.MENDS if m.cluster and m.name not in without | relabelled]
    components = ["../cluster-settings", *(f"../cluster-mends/{name}" for name in chosen)]
    return _kustomization(work / "cluster", values, ["../release/cluster", "../environment"], components)


def _namespaced(work: Path, values: Values, without: frozenset[str]) -> Path:
    chosen = [m for m in mends.MENDS if m.name not in without]
    taken = [m.instead for m in mends.MENDS if m.instead and m.name in without]
    components = ["../settings", *(f"../mends/{m.name}" for m in chosen if m.namespaced)]
    if values.inverse_proxy and "inverse-proxy" not in taken:
        components.append("../inverse-proxy")
    sources = ["../release/pipelines", "../environment", *(f"../release/{name}" for name in taken)]
    return _kustomization(work / "pipelines", values, sources, components)


def _kustomization(folder: Path, values: Values, sources: list[str], components: list[str]) -> Path:
    folder.mkdir()
    labels = [{"pairs": dict(values.labels), "includeSelectors": False}]
    _write(folder, {"namespace": values.namespace, "resources": sources, "components": components, "labels": labels})
    return folder


def _write(folder: Path, fields: dict[str, object]) -> None:
    head = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
    (folder / "kustomization.yaml").write_text(json.dumps({**head, **fields}, indent=1), encoding="utf-8")


def _checksum(work: Path) -> str:
    total = hashlib.sha256()
    for file in sorted(path for path in work.rglob("*") if path.is_file()):
        data = file.read_bytes()
        total.update(f"{file.relative_to(work)} {len(data)}\n".encode() + data)
    return total.hexdigest()


def _copy(source: Path, target: Path) -> None:
    def not_git(_folder: str, names: list[str]) -> list[str]:
        return [n for n in names if n == ".git"]

    # The files' own modes may forbid what is done here with the copies, as those of a read-only installation do.
    shutil.copytree(source, target, ignore=not_git, copy_function=shutil.copyfile)


def _rewrite(work: Path) -> None:
    for file in sorted(work.rglob("kustomization.yaml")):
        text = file.read_text(encoding="utf-8")

        def local(match: re.Match[str], file: Path = file) -> str:
            target = work / "upstream" / match["repository"] / match["tag"] / match["path"]
            return os.path.relpath(target, file.parent) if target.is_dir() else match[0]

        rewritten = _REMOTE.sub(local, text)
        if rewritten != text:
            file.write_text(rewritten, encoding="utf-8")
