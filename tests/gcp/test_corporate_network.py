"""Every client in a company's network: through its proxy, with its authority, and loopback always straight."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from core.environment import Cloud
from core.environment.variables import CA_VARIABLES
from core.gcp import Google, metadata_server, network
from core.gcp.errors import Unreachable
from core.run.clock import VirtualClock
from core.run.redact import Redactor
from core.toolchain import find
from tests.gcp.corporate_network import corporate_network
from tests.gcp.fake_google import Fake
from tests.gcp.simulated_google import simulation
from tests.gcp.test_metadata_server import CONFIGURATION, terraform

GIT = shutil.which("git")


async def internet(request: web.Request) -> web.Response:
    """Google, as far as these tests go."""
    if request.path == "/token":
        return web.json_response({"access_token": "ya29.through-the-proxy", "expires_in": 3600})
    if request.path.startswith("/v1/projects/"):
        return web.json_response({"projectNumber": "7", "authorization": request.headers["Authorization"]})
    return web.json_response({"error": {"code": 404, "message": "not here"}}, status=404)


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of a user with a sign-in of gcloud's."""
    home = tmp_path / "me"
    path = home / ".config/gcloud/application_default_credentials.json"
    path.parent.mkdir(parents=True)
    sign_in = {"type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "r"}
    path.write_text(json.dumps(sign_in))
    monkeypatch.setenv("HOME", str(home))
    return home


async def project(google: Google) -> dict[str, str]:
    return await google.call("cloudresourcemanager", "v1", "projects.get", projectId="proj-one")


@pytest.mark.parametrize("bundle", CA_VARIABLES)
async def test_calls_and_tokens_go_through_the_proxy_and_trust_its_authority(
    tmp_path: Path, user: Path, monkeypatch: pytest.MonkeyPatch, bundle: str
) -> None:
    async with corporate_network(tmp_path, internet) as corp:
        monkeypatch.setenv("HTTPS_PROXY", corp.proxy)
        monkeypatch.setenv(bundle, str(corp.authority))
        async with Google(Cloud(), clock=VirtualClock(), redactor=Redactor(), project="proj-one") as google:
            found = await project(google)
    assert found["projectNumber"] == "7"
    assert found["authorization"] == "Bearer ya29.through-the-proxy"
    assert corp.connected == ["oauth2.googleapis.com:443", "cloudresourcemanager.googleapis.com:443"]


async def test_without_the_authority_nothing_is_told_to_anyone(
    tmp_path: Path, user: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with corporate_network(tmp_path, internet) as corp:
        monkeypatch.setenv("HTTPS_PROXY", corp.proxy)
        async with Google(Cloud(), clock=VirtualClock(), redactor=Redactor(), project="proj-one") as google:
            with pytest.raises(Unreachable, match="not trusted") as caught:
                await project(google)
    assert "SSL_CERT_FILE" in caught.value.hint
    assert not caught.value.temporary
    assert corp.asked == []


async def test_calls_that_the_proxy_refuses_are_not_tried_for_ever(
    fake: Fake, tmp_path: Path, user: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def forbids(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    proxy = await asyncio.start_server(forbids, "127.0.0.1", 0)
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.sockets[0].getsockname()[1]}")
    signed_in = Cloud(credentials_file=fake.cloud.credentials_file)
    for cloud in (Cloud(), signed_in):  # the first is refused its token, the second its call
        async with Google(cloud, clock=VirtualClock(), redactor=Redactor(), project="proj-one") as google:
            with pytest.raises(Unreachable, match="refused by the proxy") as caught:
                await project(google)
        assert "407" in caught.value.cause
        assert "HTTPS_PROXY" in caught.value.hint
    proxy.close()


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "all_proxy", "https_proxy"])
async def test_a_rehearsal_never_asks_a_proxy(fake: Fake, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "http://127.0.0.1:1")
    fake.will("/cloudresourcemanager/v1/projects/proj-one", {"projectNumber": "7"})
    async with Google(fake.cloud, clock=VirtualClock(), redactor=Redactor(), project="proj-one") as google:
        assert (await project(google))["projectNumber"] == "7"
        async with metadata_server.serve(google) as host:
            assert host.startswith("127.0.0.1:")


async def run(environment: dict[str, str], *command: str) -> str:
    child = await asyncio.create_subprocess_exec(
        *command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    return (await child.communicate())[0].decode()


async def test_the_real_terraform_goes_through_it_to_its_bucket_and_straight_to_the_metadata_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = tmp_path / "work"
    work.mkdir()
    (work / "main.tf").write_text(CONFIGURATION)
    async with simulation(tmp_path / "cloud") as simulated:

        async def forward(request: web.Request) -> web.Response:
            """The internet's Cloud Storage is the simulated one."""
            dropped = ("host", "content-length", "transfer-encoding", "accept-encoding")
            headers = {k: v for k, v in request.headers.items() if k.lower() not in dropped}
            async with (
                aiohttp.ClientSession(auto_decompress=False) as session,
                session.request(
                    request.method, f"{simulated.cloud.google}{request.raw_path}", headers=headers, data=await request.read()
                ) as answer,
            ):
                kept = {k: v for k, v in answer.headers.items() if k.lower() not in dropped}
                return web.Response(status=answer.status, body=await answer.read(), headers=kept)

        async with (
            corporate_network(tmp_path, forward) as corp,
            Google(simulated.cloud, clock=VirtualClock(), redactor=Redactor(), project=simulated.world.project) as google,
        ):
            body = {
                "name": "state-of-terraform",
                "location": "US",
                "iamConfiguration": {"uniformBucketLevelAccess": {"enabled": True}},
            }
            await google.call("storage", "v1", "buckets.insert", project=simulated.world.project, body=body)
            for name, value in corp.variables.items():
                monkeypatch.setenv(name, value)
            async with metadata_server.serve(google) as host:
                environment = network.child_environment(Cloud(), metadata_host=host)
                await terraform(work, environment, "init", "-input=false")
                await terraform(work, environment, "apply", "-input=false", "-auto-approve")
    assert set(corp.connected) == {"storage.googleapis.com:443"}


@pytest.mark.skipif(GIT is None, reason="there is no git on PATH")
async def test_git_goes_through_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with corporate_network(tmp_path, internet) as corp:
        for name, value in corp.variables.items():
            monkeypatch.setenv(name, value)
        environment = network.child_environment(Cloud()) | {
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_CONFIG_SYSTEM": "/dev/null",
        }
        said = await run(environment, str(GIT), "ls-remote", "https://github.com/kubeflow/pipelines")
    assert corp.connected == ["github.com:443"]
    assert any(asked.startswith("github.com/kubeflow/pipelines") for asked in corp.asked), said


async def test_kubectl_goes_through_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with corporate_network(tmp_path, internet) as corp:
        for name, value in corp.variables.items():
            monkeypatch.setenv(name, value)
        command = [
            *find("kubectl").command,
            "--kubeconfig=/dev/null",
            "--server=https://gke-1.us-central1.gke.goog",
            "--token=x",
        ]
        said = await run(network.child_environment(Cloud()), *command, "get", "--raw", "/version")
    assert set(corp.asked) == {"gke-1.us-central1.gke.goog/version"}, said
