"""The programs of a control plane: taken from where `KUBEBUILDER_ASSETS` says, or built once, with Go, into the cache.

Each version is a Go module of its own here: its `tool` lines say what is built, its `go.mod` and `go.sum` from exactly what.
A second run finds them in the cache, under the checksum of that module.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
SERVER, MANAGER, ETCD = "kube-apiserver", "kube-controller-manager", "etcd"
BUILD_SECONDS = 5400
_VERSION = "k8s.io/component-base/version"


class Lacking(Exception):
    """Raised where a program can be neither found nor built; the text says why."""


@dataclass(frozen=True, slots=True)
class Programs:
    """Where the programs of one version are."""

    version: str
    server: Path
    manager: Path
    etcd: Path


def pinned(minor: str) -> str:
    """The version that a minor's module pins (``v1.36.3`` for ``v1.36``)."""
    found = re.search(r"k8s\.io/kubernetes (v\S+)", (HERE / minor / "go.mod").read_text(encoding="utf-8"))
    assert found is not None
    return found[1]


def programs(minor: str, cache: Path, say: Callable[[str], None]) -> Programs:
    """The programs of a minor version; raises `Lacking`."""
    told = os.environ.get("KUBEBUILDER_ASSETS", "")
    if told and (version := _version(Path(told) / SERVER)).startswith(minor + "."):
        found = Programs(version, *(Path(told) / name for name in (SERVER, MANAGER, ETCD)))
        if all(path.exists() for path in (found.server, found.manager, found.etcd)):
            return found
    version = pinned(minor)
    release = version.split(".")
    stamp = {"gitVersion": version, "gitMajor": release[0].removeprefix("v"), "gitMinor": release[1]}
    kubernetes = _built(minor, cache, (SERVER, MANAGER), stamp, say)
    etcd = _built("etcd", cache, (ETCD,), {}, say)
    return Programs(version, kubernetes / SERVER, kubernetes / MANAGER, etcd / ETCD)


def _version(program: Path) -> str:
    if not program.exists():
        return ""
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False, timeout=60).stdout
    return said.strip().rpartition(" ")[2]


def _built(module: str, cache: Path, names: tuple[str, ...], stamp: dict[str, str], say: Callable[[str], None]) -> Path:
    """The folder of a module's programs, built where they are not in the cache."""
    folder = HERE / module
    key = hashlib.sha256(b"".join((folder / name).read_bytes() for name in ("go.mod", "go.sum"))).hexdigest()[:16]
    target = cache / f"{module}-{key}"
    if all((target / name).exists() for name in names):
        return target
    if shutil.which("go") is None:
        raise Lacking("neither KUBEBUILDER_ASSETS nor Go is there to have Kubernetes' programs from")
    say(f"building {', '.join(names)} of {module} (once, some minutes)")
    with tempfile.TemporaryDirectory(prefix="building-", dir=cache) as made:
        _build(folder, Path(made), stamp)
        # etcd's program is named for the folder that it stands in
        if (named := Path(made) / "server").exists():
            named.rename(Path(made) / ETCD)
        target.mkdir(exist_ok=True)
        for name in names:
            (Path(made) / name).replace(target / name)
    return target


def _build(folder: Path, target: Path, stamp: dict[str, str]) -> None:
    flags = " ".join(["-s", "-w", *(f"-X {_VERSION}.{key}={value}" for key, value in stamp.items())])
    command = ["nice", "-n", "19", "go", "install", "-trimpath", "-p", "2", f"-ldflags={flags}", "tool"]
    environment = {**os.environ, "GOBIN": str(target), "GOFLAGS": "-buildvcs=false"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=BUILD_SECONDS
    )
    if done.returncode:
        raise Lacking(f"Go can't build {folder.name}: {done.stderr.strip()[-300:]}")
