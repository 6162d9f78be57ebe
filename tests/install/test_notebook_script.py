"""The script of a notebook VM, run by a real bash in a folder of its own; other programs only note what they are asked."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from core.install.notebook_script import os_login_name, script

IMAGE = "us-central1-docker.pkg.dev/p/demo-images/kfp-dev@sha256:0"
STUBS = {
    "docker": 'case "$1 $2" in "container inspect") [ -f "$ROOT/dev" ] && cat "$ROOT/dev" ;;'
    ' "run --detach") echo "$IMAGE" > "$ROOT/dev" ;; "ps --format") cat "$ROOT/containers" ;;'
    ' "top dev") cat "$ROOT/top" ;; "top "*) echo "PID COMMAND"; echo "1 node" ;; esac',
    "getent": 'case "$1 $2" in "group docker") ;; "passwd ann_example_com")'
    ' echo "ann_example_com:x:4242:4242::/home/ann:/bin/bash" ;; *) exit 2 ;; esac',
    "gpasswd": "", "groupadd": "", "gcloud": "", "systemctl": "", "setfacl": "",
    "ss": 'cat "$ROOT/sessions" 2>/dev/null || true', "nvidia-smi": "exit 1", "id": "echo users",
    "curl": 'asked="${@: -1}"; cat "$ROOT/jupyter-${asked##*/}" 2>/dev/null || exit 7',
}  # fmt: skip


KEPT = "    PID COMMAND\n      1 docker-init\n      7 sleep\n"
"""What ``docker top`` says of a container that nobody is in."""


class Vm:
    """A VM's file system below a folder, and what its programs were asked."""

    def __init__(self, root: Path) -> None:
        self.root, self.calls = root, root / "calls"
        (root / "bin").mkdir()
        (root / "run").mkdir()
        for name, body in STUBS.items():
            stub = root / "bin" / name
            stub.write_text(f'#!/bin/bash\necho "{name} $*" >> "$ROOT/calls"\n{body}\n')
            stub.chmod(0o755)
        (root / "top").write_text(KEPT)
        workbench = "a1 proxy-agent gcr.io/inverting-proxy/agent\na2 diagnostic-service gcr.io/x/y\n"
        (root / "containers").write_text(f"dev dev {IMAGE}\n{workbench}")

    def run(self, text: str) -> str:
        env = {"PATH": f"{self.root / 'bin'}:{os.environ['PATH']}", "ROOT": str(self.root), "HOME": str(self.root)}
        done = subprocess.run(["bash"], input=text, capture_output=True, text=True, timeout=60, env=env, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def idle(self) -> bool:
        """Whether the watcher powers the machine off."""
        self.calls.unlink(missing_ok=True)
        self.run(f"exec {self.root}/usr/local/sbin/mlops-env-idle")
        return "systemctl poweroff" in self.asked()

    def asked(self) -> str:
        return self.calls.read_text() if self.calls.exists() else ""


@pytest.fixture
def vm(tmp_path: Path) -> Vm:
    return Vm(tmp_path)


def _booted(vm: Vm, *, image: str = IMAGE, seconds: int = 3600) -> str:
    users = ["Ann@Example.com", "nobody@example.com"]
    return vm.run(script(image, users, registry_host="us-central1-docker.pkg.dev", idle_seconds=seconds))


def test_it_is_made_of_the_environments_values_and_quotes_them() -> None:
    text = script("a'b; reboot", ["x@y.z"], registry_host="eu-docker.pkg.dev")
    assert text.startswith("#!/bin/bash\nIMAGE='a'\"'\"'b; reboot'\nDOCKER_USERS=x_y_z\n")
    assert os_login_name("Ann.Lee+1@Example.com") == "ann_lee_1_example_com"


def test_docker_is_opened_to_those_it_was_promised_to_and_who_are_known(vm: Vm) -> None:
    _booted(vm)
    (vm.root / "run" / "docker.sock").touch()
    vm.run(f"exec {vm.root}/usr/local/sbin/mlops-env-docker-access")
    assert "gpasswd -a ann_example_com docker" in vm.asked()
    assert "nobody_example_com docker" not in vm.asked()
    drop_in = (vm.root / "etc/systemd/system/docker.socket.d/mlops-env.conf").read_text()
    assert "ExecStartPost=/usr/local/sbin/mlops-env-docker-access" in drop_in
    assert (vm.root / "etc/mlops-env/docker-users").read_text().split() == ["ann_example_com", "nobody_example_com"]
    assert "enable --now mlops-env-docker-access.timer" in vm.asked()


def test_dev_is_made_once_and_never_made_anew_unasked(vm: Vm) -> None:
    _booted(vm)
    (made,) = [line for line in vm.asked().splitlines() if line.startswith("docker run")]
    assert "--name dev --init --restart unless-stopped --entrypoint sleep" in made
    assert "--volume /home/jupyter/workspaces:/workspaces" in made
    assert made.endswith(f"{IMAGE} infinity")
    vm.calls.unlink()
    newer = "us-central1-docker.pkg.dev/p/demo-images/kfp-dev@sha256:1"
    said = _booted(vm, image=newer)
    assert f"docker pull --quiet {newer}" in vm.asked(), "for devcontainers that are built here from afar"
    assert "docker run" not in vm.asked()
    assert "docker start dev" in vm.asked()
    assert "dev runs another image" in said


def test_the_machine_goes_off_only_when_nobody_uses_it(vm: Vm) -> None:
    _booted(vm, seconds=60)
    last = vm.root / "run" / "mlops-env-last-use"
    assert not vm.idle(), "it was used when it was started"
    os.utime(last, (0, 0))
    (vm.root / "sessions").write_text("0 0 10.0.0.2:22 35.235.240.1:5555\n")
    assert not vm.idle(), "somebody is there over ssh"
    (vm.root / "sessions").write_text("")
    os.utime(last, (0, 0))
    (vm.root / "top").write_text(KEPT + "   99 python\n")
    assert not vm.idle(), "something was started in the container"
    os.utime(last, (0, 0))
    (vm.root / "top").write_text(KEPT + "   12 sh\n   14 sleep\n")
    status, kernels = vm.root / "jupyter-status", vm.root / "jupyter-kernels"
    idle = '{"id": "k", "execution_state": "idle", "connections": 0}'
    for answers in (
        ('{"connections": 12, "kernels": 1}', f"[{idle}]"),
        ('{"connections": 0, "kernels": 2}', f'[{idle}, {{"execution_state": "busy", "connections": 0}}]'),
    ):
        status.write_text(answers[0])
        kernels.write_text(answers[1])
        assert not vm.idle(), "JupyterLab is open, or a kernel works with nobody looking"
        os.utime(last, (0, 0))
    status.write_text('{"connections": 0, "kernels": 1}')
    kernels.write_text(f"[{idle}]")
    assert vm.idle(), "what Workbench itself runs in Docker is no use"
    with (vm.root / "containers").open("a") as containers:
        containers.write("a3 vsc-fraud-1 vsc-fraud\n")
    assert not vm.idle(), "a devcontainer that someone works in"


def test_it_never_goes_off_where_that_is_not_wished(vm: Vm) -> None:
    _booted(vm, seconds=0)
    assert not vm.idle()
    assert not (vm.root / "run" / "mlops-env-last-use").exists()
