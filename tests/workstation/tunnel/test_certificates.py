"""Keys of more than one file: those that a host takes for their certificate alone, and more than it lets one try."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from ssh_server import Server, missing, running
from tunnel_bench import ENGINES, engine

from core.workstation.tunnel.engine import SignInRefused


@pytest.fixture
def certified(tmp_path: Path) -> Iterator[Server]:
    """An sshd that takes what its authority has signed, and no key by itself."""
    if reason := missing():
        pytest.skip(reason)
    authority = tmp_path / "authority"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(authority)], check=True)
    with running(more=f"TrustedUserCAKeys {authority}.pub\n") as server:
        sign = ["ssh-keygen", "-q", "-s", str(authority), "-I", "me", "-n", "root", str(server.folder / "key.pub")]
        subprocess.run(sign, check=True)
        (server.folder / "authorized_keys").write_text("")
        yield server


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[str]:
    """An agent that holds nothing yet."""
    if reason := missing():
        pytest.skip(reason)
    path = tmp_path / "agent.sock"
    with subprocess.Popen(["ssh-agent", "-D", "-a", str(path)], stdout=subprocess.DEVNULL) as process:
        while (
            subprocess.run(["ssh-add", "-l"], env={"SSH_AUTH_SOCK": str(path)}, capture_output=True, check=False).returncode
            > 1
        ):
            assert process.poll() is None, "it is there once it answers, not once its socket has a name"
        yield str(path)
        process.kill()


def hold(agent: str, *words: str) -> None:
    subprocess.run(["ssh-add", "-q", *words], env={"SSH_AUTH_SOCK": agent}, check=True)


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("where", ["beside the key", "named"])
async def test_a_certificate_of_a_files_key_signs_in(where: str, name: str, certified: Server) -> None:
    options = []
    if where == "named":
        (certified.folder / "key-cert.pub").rename(certified.folder / "elsewhere.pub")
        options = [f"CertificateFile={certified.folder}/elsewhere.pub"]
    await (await engine(name, certified, *options).connect()).close()


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("where", ["beside the key", "named", "in the agent"])
async def test_a_certificate_of_an_agents_key_signs_in(where: str, name: str, certified: Server, agent: str) -> None:
    folder, options = certified.folder, [f"IdentityAgent={agent}"]
    if where != "in the agent":
        (folder / "key-cert.pub").rename(folder / "elsewhere.pub")
    hold(agent, str(folder / "key"))
    if where == "beside the key":
        (folder / "elsewhere.pub").rename(folder / "key-cert.pub")
    elif where == "named":
        options.append(f"CertificateFile={folder}/elsewhere.pub")
    (folder / "key").unlink()
    await (await engine(name, certified, *options).connect()).close()


@pytest.mark.parametrize("name", ENGINES)
async def test_more_keys_than_a_host_takes_are_a_sign_in_that_was_refused(name: str, agent: str, tmp_path: Path) -> None:
    if reason := missing():
        pytest.skip(reason)
    for number in range(4):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / f"key{number}")], check=True)
        hold(agent, str(tmp_path / f"key{number}"))
    with running(more="MaxAuthTries 2\n") as server:
        (server.folder / "key").unlink()
        with pytest.raises(SignInRefused):
            await engine(name, server, f"IdentityAgent={agent}", "IdentitiesOnly=no").connect()
