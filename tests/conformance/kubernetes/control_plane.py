"""A real control plane on loopback: etcd, the API server, and the controllers; no kubelet, and so no containers.

Who calls is told by static tokens, what they may by RBAC. Everything lives in one folder and ends with the block.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.conformance.kubernetes.programs import Programs
from tests.rehearsal.kubernetes.simulated_cluster import certificate

READY_SECONDS = 240
SERVICES = "10.8.0.0/20"


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """Where a control plane answers, whom to trust, and the tokens of its users by name."""

    url: str
    authority: Path
    tokens: dict[str, str]
    kubeconfig: Path


class Ended(Exception):
    """Raised where a program of the control plane ends by itself; the text holds its last words."""


@asynccontextmanager
async def control_plane(
    programs: Programs, folder: Path, users: dict[str, tuple[str, ...]], *, manager: bool
) -> AsyncIterator[ControlPlane]:
    """Runs a control plane; ``users`` are the names that may sign in, with their groups, the first being its master."""
    folder.mkdir(parents=True, exist_ok=True)
    running: list[subprocess.Popen[bytes]] = []
    try:
        etcd = _start(running, folder, [str(programs.etcd), *_etcd(folder, ports := (_port(), _port()))])
        plane = _plane(folder, users)
        server = _start(running, folder, [str(programs.server), *_server(folder, plane, ports[0])])
        await _ready(plane, [etcd, server], folder)
        if manager:
            _start(running, folder, [str(programs.manager), *_manager(folder, plane)])
        yield plane
    finally:
        for process in reversed(running):
            process.terminate()
        for process in reversed(running):
            try:
                await asyncio.to_thread(process.wait, 20)
            except subprocess.TimeoutExpired:
                process.kill()


def _start(running: list[subprocess.Popen[bytes]], folder: Path, command: list[str]) -> subprocess.Popen[bytes]:
    with (folder / f"{Path(command[0]).name}.log").open("wb") as log:
        environment = {**os.environ, "NO_PROXY": "*", "no_proxy": "*"}
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=folder, env=environment)
    running.append(process)
    return process


def _port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _etcd(folder: Path, ports: tuple[int, int]) -> list[str]:
    client, peer = (f"http://127.0.0.1:{port}" for port in ports)
    return [
        f"--data-dir={folder / 'etcd'}", f"--listen-client-urls={client}", f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}", f"--initial-cluster=default={peer}",
        "--unsafe-no-fsync", "--log-level=warn",
    ]  # fmt: skip


def _plane(folder: Path, users: dict[str, tuple[str, ...]]) -> ControlPlane:
    """The files that say who is who: certificate, tokens, and the key that signs accounts' tokens."""
    _, authority = certificate(folder)
    tokens = {name: secrets.token_hex(16) for name in users}
    lines = [f'{tokens[name]},{name},{n},"{",".join(groups)}"' for n, (name, groups) in enumerate(users.items())]
    (folder / "tokens.csv").write_text("\n".join(lines) + "\n")
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "accounts.pem").write_bytes(key.private_bytes(*form))
    url, kubeconfig = f"https://127.0.0.1:{_port()}", folder / "kubeconfig"
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": url, "certificate-authority": str(authority)}}],
        "users": [{"name": "u", "user": {"token": next(iter(tokens.values()))}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
    }
    kubeconfig.write_text(json.dumps(config))
    return ControlPlane(url, authority, tokens, kubeconfig)


def _server(folder: Path, plane: ControlPlane, etcd: int) -> list[str]:
    account = folder / "accounts.pem"
    return [
        f"--etcd-servers=http://127.0.0.1:{etcd}", "--bind-address=127.0.0.1", "--advertise-address=127.0.0.1",
        f"--secure-port={plane.url.rpartition(':')[2]}", f"--cert-dir={folder}",
        f"--tls-cert-file={folder / 'ca.pem'}", f"--tls-private-key-file={folder / 'key.pem'}",
        f"--token-auth-file={folder / 'tokens.csv'}", "--authorization-mode=RBAC", "--allow-privileged=true",
        "--service-account-issuer=https://kubernetes.default.svc", f"--service-account-key-file={account}",
        f"--service-account-signing-key-file={account}", f"--service-cluster-ip-range={SERVICES}",
        "--endpoint-reconciler-type=none", "--enable-priority-and-fairness=false", "--watch-cache=true",
    ]  # fmt: skip


def _manager(folder: Path, plane: ControlPlane) -> list[str]:
    path = plane.kubeconfig
    return [
        f"--kubeconfig={path}", f"--authentication-kubeconfig={path}", f"--authorization-kubeconfig={path}",
        f"--service-account-private-key-file={folder / 'accounts.pem'}", f"--root-ca-file={plane.authority}",
        "--leader-elect=false", "--controllers=*,-node-lifecycle-controller",
        "--bind-address=127.0.0.1", f"--secure-port={_port()}", f"--cert-dir={folder}",
        "--kube-api-qps=200", "--kube-api-burst=400",
    ]  # fmt: skip


async def _ready(plane: ControlPlane, processes: list[subprocess.Popen[bytes]], folder: Path) -> None:
    trust = ssl.create_default_context(cafile=str(plane.authority))
    headers = {"Authorization": f"Bearer {next(iter(plane.tokens.values()))}"}
    async with asyncio.timeout(READY_SECONDS), aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust)) as session:
        while True:
            for process in processes:
                if process.poll() is not None:
                    raise Ended(_last_words(folder, Path(str(process.args[0])).name))  # type: ignore[index]
            try:
                async with session.get(plane.url + "/readyz", headers=headers) as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.1)


def _last_words(folder: Path, name: str) -> str:
    lines = (folder / f"{name}.log").read_text(errors="replace").splitlines()
    return f"{name} ended: {' '.join(lines[-3:])}"
