"""The files as others take them: the schema, the devcontainers CLI, and a real Docker engine, here and behind ssh."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1]))

import devcontainers_cli
import docker_engine

from core.environment import Home
from core.workstation.devcontainer import Draft, draft, template, templates, write
from core.workstation.vscode import wrapper

SCHEMA = Path(__file__).resolve().parents[4] / "shared" / "data" / "devContainer.base.schema.json"
NAMES = [t.name for t in templates()]


def _made(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch, **wishes: Any) -> Draft:
    folder.mkdir(parents=True, exist_ok=True)
    monkeypatch.setenv("USER", "ann")
    found = draft(template(name), folder, **wishes)
    write(found)
    return found


def _credentials(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(home))
    (home / ".config" / "gcloud").mkdir(parents=True)
    (home / ".config" / "gcloud" / "application_default_credentials.json").write_text('{"type": "none"}')


@pytest.mark.parametrize("remote", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_the_schema_takes_it(tmp_path: Path, name: str, remote: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not SCHEMA.exists():
        pytest.skip("the schema of devcontainer.json is not here")
    import jsonschema

    _credentials(tmp_path / "user", monkeypatch)
    subprocess.run(["git", "init", "-q", str(tmp_path / "code")], check=True)
    subprocess.run(["git", "-C", str(tmp_path / "code"), "remote", "add", "origin", "git@example.com:a/b.git"], check=True)
    _made(tmp_path / "code", name, monkeypatch, remote=remote, image="eu/p/r/i@sha256:0", project="p")
    written = json.loads((tmp_path / "code" / ".devcontainer" / "devcontainer.json").read_text())
    validator = jsonschema.Draft201909Validator(json.loads(SCHEMA.read_text()))
    assert not [error.message for error in validator.iter_errors(written)]
    assert list(validator.iter_errors({**written, "extensions": []})), "the schema would take anything"


@pytest.fixture(scope="session")
def cli() -> str:
    return devcontainers_cli.program()


@pytest.mark.parametrize("name", NAMES)
def test_the_devcontainers_cli_reads_it(tmp_path: Path, name: str, cli: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _made(tmp_path / "code", name, monkeypatch)
    read = devcontainers_cli.run(
        cli, "read-configuration", "--docker-path", "/bin/true", "--workspace-folder", str(tmp_path / "code")
    )
    assert read["configuration"]["build"]["dockerfile"] == "Dockerfile"


PYTHON = '#!/bin/sh\necho "python $*" >> /tmp/calls\n'
GIT = '#!/bin/sh\necho "git $*" >> /tmp/calls\n[ "$1" = clone ] && echo cloned > "$4/code.py"\n'


@pytest.fixture(scope="session")
def image(docker_running: docker_engine.Engine, tmp_path_factory: pytest.TempPathFactory) -> str:
    """An image with the layout of kfp-dev, whose programs only note that they were called."""
    folder = tmp_path_factory.mktemp("image")
    (folder / "python").write_text(PYTHON)
    (folder / "git").write_text(GIT)
    recipe = (
        f"FROM {docker_engine.IMAGE}\nCOPY python {template('kfp-dev').programs}/\nCOPY git /usr/bin/\n"
        f"RUN chmod 755 /usr/bin/git {template('kfp-dev').programs}/python\n"
    )
    (folder / "Dockerfile").write_text(recipe)
    docker_running.docker("build", "--tag", "localhost/kfp-dev:1", str(folder))
    return "localhost/kfp-dev:1"


def test_built_up_and_used_on_this_machine(
    tmp_path: Path, cli: str, docker_running: docker_engine.Engine, image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _credentials(tmp_path / "user", monkeypatch)
    folder = tmp_path / "code"
    _made(folder, "kfp-dev", monkeypatch, image=image, project="project-1")
    (folder / "train.py").write_text("print()\n")
    env = {**docker_running.variables, "DOCKER_HOST": docker_running.host}
    at = ["--workspace-folder", str(folder)]
    assert devcontainers_cli.run(cli, "build", *at, env=env)["outcome"] == "success"
    up = devcontainers_cli.run(cli, "up", *at, env=env)
    assert up["outcome"] == "success"
    used = devcontainers_cli.run(
        cli, "exec", *at, "sh", "-c",
        "command -v python; ls train.py; cat $GOOGLE_APPLICATION_CREDENTIALS; cat /tmp/calls; echo $GOOGLE_CLOUD_PROJECT",
        env=env,
    )["text"]  # fmt: skip
    assert f"{template('kfp-dev').programs}/python" in used
    assert "train.py" in used
    assert '{"type": "none"}' in used
    assert "import kfp" in used, "the check after creation ran"
    assert "project-1" in used
    refused = docker_running.docker(
        "exec", up["containerId"], "sh", "-c", "echo x > $GOOGLE_APPLICATION_CREDENTIALS || echo refused"
    )
    assert "refused" in refused


def test_a_wrapper_leads_to_its_engine_whatever_the_environment_says(
    tmp_path: Path, cli: str, docker_running: docker_engine.Engine, image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _credentials(tmp_path / "user", monkeypatch)
    folder = tmp_path / "code"
    _made(folder, "kfp-dev", monkeypatch, image=image)
    wrapper.write(Home.find(), "demo", docker_running.host)
    program = str(wrapper.path(Home.find(), "demo"))
    env = {**docker_running.variables, "DOCKER_HOST": "tcp://127.0.0.1:1", "DOCKER_CONTEXT": "another"}
    at = ["--docker-path", program, "--workspace-folder", str(folder)]
    assert devcontainers_cli.run(cli, "up", *at, env=env)["outcome"] == "success"
    assert "code" in devcontainers_cli.run(cli, "exec", *at, "pwd", env=env)["text"]
    asked = subprocess.run(
        [program, "--context", "another", "ps", "-q"], env=env, capture_output=True, text=True, check=True
    )
    assert asked.stdout.split() == docker_running.docker("ps", "-q").split()


@pytest.fixture
def behind_ssh(docker_running: docker_engine.Engine, tmp_path: Path) -> Iterator[str]:
    """The engine's address through ``ssh -NL``, by a real sshd of the test's own."""
    import shutil
    import socket

    sshd, ssh = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:" + os.environ["PATH"]), shutil.which("ssh")
    if sshd is None or ssh is None:
        pytest.skip("make system-deps brings sshd")
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / name)], check=True)
    (tmp_path / "authorized").write_bytes((tmp_path / "user.pub").read_bytes())
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = [
        f"Port={port}", "ListenAddress=127.0.0.1", f"HostKey={tmp_path}/host", f"AuthorizedKeysFile={tmp_path}/authorized",
        "PidFile=none", "UsePAM=no", "StrictModes=no", "AllowStreamLocalForwarding=yes", "PermitRootLogin=yes",
    ]  # fmt: skip
    server = subprocess.Popen(
        [sshd, "-D", "-e", "-f", "/dev/null", *[f"-o{s}" for s in settings]], stderr=subprocess.DEVNULL
    )
    near = docker_running.folder / "near.sock"
    client = None
    try:
        until = time.monotonic() + 60
        while not near.exists():
            assert time.monotonic() < until, "no tunnel came up"
            if client is None or client.poll() is not None:
                options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "ExitOnForwardFailure=yes"]
                client = subprocess.Popen(
                    [ssh, "-F", "none", "-N", "-i", str(tmp_path / "user"), *[f"-o{o}" for o in options], "-p", str(port),
                     "-L", f"{near}:{docker_running.socket}", f"root@{'127.0.0.1'}"],
                    stderr=subprocess.DEVNULL,
                )  # fmt: skip
            time.sleep(0.05)
        yield f"unix://{near}"
    finally:
        for process in (client, server):
            if process is not None:
                process.terminate()
                process.wait(30)
        near.unlink(missing_ok=True)


def test_built_up_and_used_on_a_remote_host_that_has_none_of_the_files(
    tmp_path: Path,
    cli: str,
    behind_ssh: str,
    docker_running: docker_engine.Engine,
    image: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = tmp_path / "code"
    folder.mkdir()
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    subprocess.run(["git", "-C", str(folder), "remote", "add", "origin", "https://example.com/a/b.git"], check=True)
    # The data disk of the remote host, so that nothing is left on this machine's.
    monkeypatch.setattr("core.workstation.devcontainer.document.DATA_DISK", str(docker_running.folder / "disk"))
    _made(folder, "kfp-dev", monkeypatch, image=image, remote=True)
    env = {**docker_running.variables, "DOCKER_HOST": behind_ssh}
    at = ["--workspace-folder", str(folder)]
    assert devcontainers_cli.run(cli, "build", *at, env=env)["outcome"] == "success"
    up = devcontainers_cli.run(cli, "up", *at, env=env)
    assert up["outcome"] == "success"
    used = devcontainers_cli.run(cli, "exec", *at, "sh", "-c", "pwd; cat code.py", env=env)["text"]
    assert up["remoteWorkspaceFolder"] in used
    assert "cloned" in used
    kept = docker_running.folder / "disk" / "workspaces" / "ann-code" / "code.py"
    kept.write_text("print('edited')\n")
    docker_running.docker("rm", "--force", up["containerId"])
    assert devcontainers_cli.run(cli, "up", *at, env=env)["outcome"] == "success"
    assert kept.read_text() == "print('edited')\n", "the code outlives its container, and is not cloned over"
