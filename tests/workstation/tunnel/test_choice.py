"""Which engine a host gets, and the reason that is told."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from ssh_server import Server, missing, running
from tunnel_bench import ENGINES, engine, up

from core.run.clock import Clock
from core.workstation.ssh.configuration import parse
from core.workstation.tunnel.choice import choose
from core.workstation.tunnel.engine import SignInRefused, Unreachable
from core.workstation.tunnel.preparing import Either
from core.workstation.tunnel.with_asyncssh import REKEY, REKEY_AFTER, AsyncsshEngine, _rekeying
from core.workstation.tunnel.with_openssh import OpensshEngine


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ((), ""),
        (("Compression=yes", "Ciphers=aes256-ctr", "ConnectTimeout=7"), ""),
        (("ProxyJump=bastion",), ""),
        (("ProxyCommand=nc %h %p",), ""),
        (("ProxyCommand=nc -F %h %p", "ProxyUseFdpass=yes"), "its ProxyCommand hands over a socket"),
        (("ProxyCommand=none",), ""),
        (("PKCS11Provider=/usr/lib/opensc.so",), "its key is on a smart card"),
        (("KnownHostsCommand=/bin/keys %H",), "a command tells its host keys"),
        (("RevokedHostKeys=/etc/ssh/revoked",), "a list of revoked host keys is to be asked"),
        (("BindInterface=lo",), "it is reached by one interface alone"),
        (("KexAlgorithms=sntrup761x25519-sha512@openssh.com",), "its key exchange is one that asyncssh does not know"),
        (("KexAlgorithms=sntrup761x25519-sha512@openssh.com,curve25519-sha256",), ""),
        (("VerifyHostKeyDNS=yes",), "its host key is looked up in DNS"),
        (("PubkeyAuthentication=no",), "it is signed in to without a key"),
        (("PreferredAuthentications=keyboard-interactive,password",), "it is signed in to without a key"),
        (("PreferredAuthentications=password,publickey",), ""),
        (("StrictHostKeyChecking=accept-new",), ""),
        (
            ("StrictHostKeyChecking=accept-new", "HostKeyAlias=never-seen"),
            "its key is not known yet, and ssh is to adopt it",
        ),
    ],
)
def test_asyncssh_unless_only_ssh_can(sshd: Server, options: tuple[str, ...], why: str) -> None:
    found = choose(sshd.host(*options))
    assert (found.engine, found.why) == ("openssh" if why else "asyncssh", why)


def test_a_key_that_needs_a_passphrase_goes_to_ssh_which_can_ask(own_sshd: Server) -> None:
    key = own_sshd.folder / "key"
    subprocess.run(["ssh-keygen", "-q", "-p", "-N", "a passphrase", "-f", str(key)], check=True)
    assert choose(own_sshd.host()).why == "its key needs a passphrase"
    key.unlink()
    assert choose(own_sshd.host()).why == "there is no key, and ssh may know another way"


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize(
    ("there", "wanted", "there_is_one"),
    [
        ("KexAlgorithms diffie-hellman-group1-sha1", "KexAlgorithms=+diffie-hellman-group1-sha1", True),
        ("KexAlgorithms curve25519-sha256", "KexAlgorithms=ecdh-sha2-nistp521", False),
        ("HostKeyAlgorithms ssh-ed25519", "HostKeyAlgorithms=rsa-sha2-512", False),
        ("Ciphers aes128-ctr\nMACs hmac-sha2-256", "MACs=hmac-sha2-512", False),
        ("PubkeyAcceptedAlgorithms ssh-ed25519", "PubkeyAcceptedAlgorithms=rsa-sha2-512", False),
    ],
)
async def test_a_policy_of_algorithms_is_the_same_by_either_engine(
    there: str, wanted: str, there_is_one: bool, name: str
) -> None:
    if reason := missing():
        pytest.skip(reason)
    with running(more=f"{there}\n") as server:
        connecting = engine(name, server, wanted).connect()
        if there_is_one:
            await (await connecting).close()
            return
        with pytest.raises((Unreachable, SignInRefused)):
            await connecting


def test_a_key_serves_as_long_as_the_user_has_it() -> None:
    assert _rekeying(parse("a", "rekeylimit 1073741824 600\n")) == (1 << 30, 600.0)
    assert _rekeying(parse("a", "rekeylimit 0 0\n")) == (REKEY, REKEY_AFTER)


def test_what_is_defined_is_taken(sshd: Server) -> None:
    assert choose(sshd.host(), wanted="openssh").engine == "openssh"
    assert choose(sshd.host("VerifyHostKeyDNS=yes"), wanted="asyncssh").engine == "asyncssh"


async def test_an_agents_key_signs_in(own_sshd: Server, tmp_path: Path) -> None:
    """The key's file has a passphrase; the agent, which holds it open, is asked."""
    agent = tmp_path / "agent.sock"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", str(agent)], stdout=subprocess.DEVNULL)
    try:
        while not agent.exists():
            assert process.poll() is None
        key = own_sshd.folder / "key"
        subprocess.run(["ssh-add", "-q", str(key)], env={"SSH_AUTH_SOCK": str(agent)}, check=True)
        subprocess.run(["ssh-keygen", "-q", "-p", "-N", "a passphrase", "-f", str(key)], check=True)
        host = own_sshd.host(f"IdentityAgent={agent}")
        assert choose(host).engine == "asyncssh"
        async with up(AsyncsshEngine(host, clock=Clock()), f"0={own_sshd.port}") as tunnel:
            assert tunnel.running.status().state == "up"
        with pytest.raises(SignInRefused, match="no key"):
            await AsyncsshEngine(own_sshd.host(), clock=Clock()).connect()
    finally:
        process.kill()
        process.wait()


async def test_ssh_takes_over_where_it_is_accepted_and_asyncssh_is_not(own_sshd: Server, tmp_path: Path) -> None:
    """A stand-in for two factors: the first engine has the wrong key."""
    shutil.copy(own_sshd.folder / "host_key", tmp_path / "wrong")
    first = AsyncsshEngine(own_sshd.host(f"IdentityFile={tmp_path}/wrong"), clock=Clock())
    first._host.values["identityfile"] = (str(tmp_path / "wrong"),)  # type: ignore[index]
    either = Either(first, OpensshEngine(own_sshd.host(), clock=Clock(), file=own_sshd.config))
    assert either.name == "asyncssh"
    async with up(either, f"0={own_sshd.port}") as tunnel:
        status = tunnel.running.status()
        assert status.engine == "openssh"
        assert "was not enough" in status.why_engine
