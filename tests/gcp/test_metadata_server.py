"""The run's metadata server: who gets a token, what is answered meanwhile, and the real Terraform living on it."""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from core.gcp import Google, metadata_server, network, storage
from core.gcp.errors import SignInEnded
from core.run.clock import VirtualClock
from core.run.redact import Redactor
from core.toolchain import find
from tests.gcp.fake_google import Fake
from tests.gcp.simulated_google import Simulation, simulation

TOKEN = "computeMetadata/v1/instance/service-accounts/default/token"
FLAVOR = {"Metadata-Flavor": "Google"}


async def ask(host: str, path: str = TOKEN, headers: dict[str, str] | None = None) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session:
        async with session.get(f"http://{host}/{path}", headers=FLAVOR if headers is None else headers) as answer:
            if answer.status == 200:
                assert answer.headers["Metadata-Flavor"] == "Google"
            return answer.status, await answer.text()


async def test_a_child_gets_a_token_and_its_life(fake: Fake, google: Google) -> None:
    async with metadata_server.serve(google) as host:
        status, text = await ask(host, TOKEN + "?scopes=https%3A%2F%2Fwww.googleapis.com%2Fauth%2Fcloud-platform")
        answer = json.loads(text)
    assert status == 200
    assert answer["access_token"] == "token-1"
    assert answer["token_type"] == "Bearer"
    assert 3500 < answer["expires_in"] <= 3600


async def test_the_life_is_told_in_real_seconds(fake: Fake) -> None:
    clock = VirtualClock()
    async with Google(fake.cloud, clock=clock, redactor=Redactor(), project="proj-one") as google:
        clock.rate = 60
        async with metadata_server.serve(google) as host:
            assert 3500 < json.loads((await ask(host))[1])["expires_in"] <= 3600


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("computeMetadata/v1/project/project-id", "proj-one"),
        ("computeMetadata/v1/universe/universe-domain", "googleapis.com"),
        ("computeMetadata/v1/instance/service-accounts/default/email", "me@example.com"),
        ("computeMetadata/v1/instance/service-accounts/", "default/\n"),
    ],
)
async def test_what_googles_libraries_ask_besides(fake: Fake, google: Google, path: str, text: str) -> None:
    async with metadata_server.serve(google) as host:
        await ask(host)
        assert await ask(host, path) == (200, text)


async def test_without_the_path_or_the_header_nobody_gets_one(fake: Fake, google: Google) -> None:
    async with metadata_server.serve(google) as host:
        address = host.partition("/")[0]
        assert (await ask(address))[0] == 404
        assert (await ask(f"{address}/guessed"))[0] == 404
        assert (await ask(host, headers={}))[0] == 403
        assert (await ask(host, headers={**FLAVOR, "X-Forwarded-For": "10.0.0.1"}))[0] == 403
        assert len(host.partition("/")[2]) >= 24


async def test_the_answer_is_held_until_a_person_has_signed_in(fake: Fake, google: Google) -> None:
    fake.signed_in = False
    asked, came = asyncio.Event(), asyncio.Event()

    async def person(needed: SignInEnded) -> None:
        assert needed.account == "me@example.com"
        asked.set()
        await came.wait()

    async with metadata_server.serve(google, person=person) as host:
        answer = asyncio.create_task(ask(host))
        await asked.wait()
        assert not answer.done()
        fake.signed_in = True
        google.renewed()
        came.set()
        assert json.loads((await answer)[1])["access_token"] == "token-1"


async def test_without_anybody_to_wait_for_the_child_is_told(fake: Fake, google: Google) -> None:
    fake.signed_in = False
    async with metadata_server.serve(google) as host:
        status, text = await ask(host)
    assert status == 403
    assert json.loads(text)["error"] == "sign_in_ended"


async def test_an_ended_sign_in_is_noticed_while_the_old_token_still_serves(
    fake: Fake, clock: VirtualClock, google: Google
) -> None:
    asked = asyncio.Event()

    async def person(_: SignInEnded) -> None:
        asked.set()
        await asyncio.Event().wait()

    await google.token()
    fake.signed_in = False
    await clock.sleep(2000)
    async with metadata_server.serve(google, person=person) as host:
        await asyncio.wait_for(asked.wait(), 60)
        assert json.loads((await ask(host))[1])["access_token"] == "token-1"


async def test_it_is_gone_with_the_run(fake: Fake, google: Google) -> None:
    async with metadata_server.serve(google) as host:
        pass
    with pytest.raises(aiohttp.ClientConnectionError):
        await ask(host)


# -- the real Terraform


class Hurried(VirtualClock):
    """A clock on which every look at it takes half a second, so that tokens of some seconds run out while others work."""

    def now(self) -> float:
        self._now += 0.5
        return self._now


CONFIGURATION = """
terraform {
  backend "gcs" {
    bucket = "state-of-terraform"
    prefix = "terraform/platform"
  }
}
resource "terraform_data" "one" { input = "kept" }
output "one" { value = terraform_data.one.output }
"""


async def terraform(folder: Path, environment: dict[str, str], *arguments: str) -> str:
    command = [*find("terraform").command, f"-chdir={folder}", *arguments]
    run = await asyncio.create_subprocess_exec(
        *command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    output, _ = await run.communicate()
    assert run.returncode == 0, output.decode()
    return output.decode()


def only_the_newest(found: Simulation) -> None:
    """Every token but the last two is dead at once, whatever it was said to live."""
    for old in found.tokens[:-2]:
        found.world.store.delete("tokens", old)


async def test_the_real_terraform_outlives_three_tokens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    user = tmp_path / "me" / ".config" / "gcloud"
    user.mkdir(parents=True)
    (user / "application_default_credentials.json").write_text("{}")  # found by Google's Go libraries, it would end the test
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    work = tmp_path / "work"
    work.mkdir()
    (work / "main.tf").write_text(CONFIGURATION)
    async with simulation(
        tmp_path / "cloud", {"sign_in": {"token_seconds": 8}, "delays": {"iam": 0, "services": 0}}
    ) as cloud:
        cloud.after_minting = only_the_newest
        async with Google(cloud.cloud, clock=Hurried(), redactor=Redactor(), project=cloud.world.project) as google:
            body: dict[str, Any] = {
                "name": "state-of-terraform",
                "location": "US-CENTRAL1",
                "iamConfiguration": {"uniformBucketLevelAccess": {"enabled": True}},
            }
            await google.call("storage", "v1", "buckets.insert", project=cloud.world.project, body=body)
            async with metadata_server.serve(google) as host:
                environment = network.child_environment(cloud.cloud, metadata_host=host)
                before = len(cloud.tokens)
                await terraform(work, environment, "init", "-input=false")
                await terraform(work, environment, "apply", "-input=false", "-auto-approve")
                assert "No changes" in await terraform(work, environment, "plan", "-input=false")
                assert "kept" in await terraform(work, environment, "output", "one")
            state = await storage.read(google, "state-of-terraform", "terraform/platform/default.tfstate")
    assert state is not None
    assert b"kept" in state
    assert len(cloud.tokens) - before > 3
    assert not any(
        token.encode() in path.read_bytes() for token in cloud.tokens for path in work.rglob("*") if path.is_file()
    )
