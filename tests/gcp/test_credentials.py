"""Whose sign-in it is, where it comes from, what renews it, and when a new token is fetched."""

from __future__ import annotations

import datetime
import json
import os
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from google.auth.credentials import AnonymousCredentials

from core.environment import Cloud, Environment, Home
from core.gcp import Google
from core.gcp.credentials import Credentials
from core.gcp.errors import SignInEnded, Unavailable
from core.gcp.kubernetes_token import kubernetes_token
from core.gcp.project import default_project
from core.run.clock import VirtualClock
from core.run.redact import HIDDEN, Redactor
from tests.gcp.fake_google import Fake
from tests.gcp.simulated_google import KEY

PING = "/cloudresourcemanager/v1/projects/proj-one"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine on which nobody is signed in: an empty home, no metadata server, no gcloud."""
    home = tmp_path / "me"
    (home / "bin").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PATH", f"{home}/bin")
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    for name in ("CLOUD_SHELL", "DEVSHELL_PROJECT_ID", "GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT", "GCE_METADATA_HOST"):
        monkeypatch.delenv(name, raising=False)
    return home


def user_sign_in(path: Path, root: str, **extra: str) -> Path:
    """A sign-in as gcloud writes it, with a token endpoint of the test's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = {
        "type": "authorized_user",
        "client_id": "c",
        "client_secret": "s",
        "refresh_token": "r",
        "token_uri": f"{root}/token",
    }
    path.write_text(json.dumps({**data, **extra}))
    return path


def gcloud(machine: Path, token: str = "ya29.from-gcloud", fails: bool = False) -> None:
    """A gcloud that is signed in, and whose token is asked for."""
    program = machine / "bin" / "gcloud"
    printed = "echo 'Reauthentication failed' >&2; exit 1" if fails else f"echo '{token}'"
    program.write_text(
        "#!/bin/sh\n"
        f'case "$*" in *print-access-token*) {printed};;\n'
        ' *"get account"*) echo you@corp.example;; *) echo my-project;; esac\n'
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)


def credentials(cloud: Cloud | None = None, clock: VirtualClock | None = None) -> Credentials:
    return Credentials(cloud or Cloud(), clock=clock or VirtualClock(), redactor=Redactor())


# -- the chain


async def test_a_clouds_own_file_is_used_and_nothing_else(fake: Fake, machine: Path) -> None:
    user_sign_in(machine / ".config/gcloud/application_default_credentials.json", "http://127.0.0.1:1")
    found = credentials(fake.cloud)
    assert (await found.token()).value == "token-1"
    assert found.sign_in is not None
    assert (found.sign_in.source, found.sign_in.account) == ("file", "me@example.com")


async def test_the_named_file_comes_first(machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    user_sign_in(machine / ".config/gcloud/application_default_credentials.json", "http://127.0.0.1:1")
    gcloud(machine)
    key = {"type": "service_account", "client_email": "ci@p.iam.gserviceaccount.com", "private_key": KEY.decode(),
           "private_key_id": "1", "project_id": "p", "token_uri": "http://127.0.0.1:1/token"}  # fmt: skip
    (tmp_path / "key.json").write_text(json.dumps(key))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "key.json"))
    sign_in = await credentials().load()
    assert (sign_in.source, sign_in.account) == ("GOOGLE_APPLICATION_CREDENTIALS", "ci@p.iam.gserviceaccount.com")


@pytest.mark.parametrize("content", [None, "no json", "{}", '{"type": "authorized_user"}'])
async def test_a_named_file_that_is_no_sign_in_is_one_sentence(
    machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    gcloud(machine)
    if content is not None:
        (tmp_path / "key.json").write_text(content)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "key.json"))
    with pytest.raises(SignInEnded, match=r"key\.json holds no sign-in") as caught:
        await credentials().load()
    assert "GOOGLE_APPLICATION_CREDENTIALS" in caught.value.hint


async def test_then_application_default_credentials_with_their_own_command(machine: Path) -> None:
    path = machine / ".config/gcloud/application_default_credentials.json"
    user_sign_in(path, "http://127.0.0.1:1", account="you@corp.example", quota_project_id="billed")
    gcloud(machine)
    sign_in = await credentials().load()
    assert (sign_in.source, sign_in.account, sign_in.quota_project) == ("application-default", "you@corp.example", "billed")
    assert sign_in.command == "gcloud auth application-default login"


async def test_then_gclouds_own_sign_in_with_its_own_command(machine: Path) -> None:
    gcloud(machine)
    found = credentials()
    assert (await found.token()).value == "ya29.from-gcloud"
    assert found.sign_in is not None
    assert (found.sign_in.source, found.sign_in.command) == ("gcloud", "gcloud auth login you@corp.example")


async def test_a_gcloud_whose_session_ended_needs_a_person(machine: Path) -> None:
    gcloud(machine, fails=True)
    with pytest.raises(SignInEnded) as caught:
        await credentials().token()
    assert caught.value.account == "you@corp.example"
    assert caught.value.command == "gcloud auth login you@corp.example"


async def test_nobody_signed_in(machine: Path) -> None:
    with pytest.raises(SignInEnded, match="Nobody is signed in") as caught:
        await credentials().token()
    assert caught.value.command == "gcloud auth application-default login"


async def test_in_cloud_shell_the_way_is_to_click_authorize(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUD_SHELL", "true")
    with pytest.raises(SignInEnded, match="not authorized yet") as caught:
        await credentials().token()
    assert "Authorize" in caught.value.hint
    assert not caught.value.command


@pytest.mark.parametrize("answer", ["", "not json", "<html>Authorize Cloud Shell</html>", {}, []])
async def test_a_metadata_server_that_answers_no_token_means_not_authorized_yet(
    fake: Fake, machine: Path, monkeypatch: pytest.MonkeyPatch, answer: object
) -> None:
    monkeypatch.setenv("CLOUD_SHELL", "true")
    monkeypatch.delenv("NO_GCE_CHECK")
    monkeypatch.setenv("GCE_METADATA_HOST", fake.cloud.google.removeprefix("http://"))  # type: ignore[union-attr]
    monkeypatch.setenv("GCE_METADATA_IP", fake.cloud.google.removeprefix("http://"))  # type: ignore[union-attr]
    base = "/computeMetadata/v1/instance/service-accounts/default/"
    for path in (base, base + "token", "/computeMetadata/v1/instance/service-accounts/default/token"):
        fake.will(path, (200, answer) if isinstance(answer, str) else answer)
    with pytest.raises(SignInEnded) as caught:
        await credentials().token()
    assert "Authorize" in caught.value.hint


# -- the life of a token


async def test_a_new_token_is_fetched_in_the_middle_of_the_old_ones_life(fake: Fake, clock: VirtualClock) -> None:
    found = credentials(fake.cloud, clock)
    first = await found.token()
    await clock.sleep(1700)
    assert (await found.token()).value == first.value
    await clock.sleep(200)
    assert (await found.token()).value == "token-2"


async def test_one_that_lives_too_short_for_the_asker_is_replaced(fake: Fake, clock: VirtualClock) -> None:
    found = credentials(fake.cloud, clock)
    await found.token()
    await clock.sleep(600)
    assert (await found.token(least=3300)).value == "token-2"


async def test_the_old_token_serves_while_no_new_one_can_be_had_and_not_longer(fake: Fake, clock: VirtualClock) -> None:
    found = credentials(fake.cloud, clock)
    await found.token()
    fake.signed_in = False
    await clock.sleep(2000)
    assert (await found.token()).value == "token-1"
    await clock.sleep(1500)
    with pytest.raises(SignInEnded):
        await found.token()


async def test_a_sign_in_that_ended_and_was_renewed_is_read_anew(fake: Fake, clock: VirtualClock) -> None:
    found = credentials(fake.cloud, clock)
    fake.signed_in = False
    with pytest.raises(SignInEnded) as caught:
        await found.token()
    assert "invalid_rapt" in caught.value.cause
    assert caught.value.account == "me@example.com"
    fake.signed_in = True
    assert (await found.token()).value == "token-1"


async def test_a_token_endpoint_that_is_away_is_temporary(clock: VirtualClock, tmp_path: Path) -> None:
    path = tmp_path / "sign-in.json"
    key = {"type": "service_account", "client_email": "me@example.com", "private_key": KEY.decode(), "private_key_id": "1",
           "project_id": "p", "token_uri": "http://127.0.0.1:1/token"}  # fmt: skip
    path.write_text(json.dumps(key))
    with pytest.raises(Unavailable):
        await credentials(Cloud("rehearsal", google="http://127.0.0.1:1", credentials_file=path), clock).token()


async def test_tokens_are_secrets(fake: Fake, clock: VirtualClock) -> None:
    redactor = Redactor()
    token = await Credentials(fake.cloud, clock=clock, redactor=redactor).token()
    assert redactor.text(f"Bearer {token.value}") == f"Bearer {HIDDEN}"


# -- a person who comes back


async def test_after_a_new_sign_in_the_run_goes_on_as_the_same_account(fake: Fake, google: Google) -> None:
    fake.will("/oauth2/oauth2/v2/tokeninfo", {"email": "me@example.com"})
    fake.will(PING, {"projectNumber": "1"})
    assert await google.account() == "me@example.com"
    google.renewed()
    await google.call("cloudresourcemanager", "v1", "projects.get", projectId="proj-one")
    assert fake.asked[-1].headers["Authorization"] == "Bearer token-2"


async def test_a_sign_in_in_another_tab_of_cloud_shell_is_found_in_its_folder(
    fake: Fake, google: Google, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path / "this-tab"))
    google.renewed(config=str(tmp_path / "other-tab"))
    assert os.environ["CLOUDSDK_CONFIG"] == str(tmp_path / "other-tab")


async def test_another_account_is_refused_until_the_right_one_comes(fake: Fake, google: Google) -> None:
    fake.will(
        "/oauth2/oauth2/v2/tokeninfo", *[{"email": e} for e in ("me@example.com", "other@example.com", "me@example.com")]
    )
    fake.will(PING, {"projectNumber": "1"})
    await google.account()
    google.renewed()
    with pytest.raises(SignInEnded, match="other@") as caught:
        await google.token()
    assert caught.value.command.endswith("--account=me@example.com")
    google.renewed()
    assert await google.token()


# -- the project that nobody named


@pytest.fixture
async def signed_in(machine: Path) -> AsyncIterator[Google]:
    """A client for which no project is named, on a machine where gcloud is signed in."""
    gcloud(machine)
    async with Google(Cloud(), clock=VirtualClock(), redactor=Redactor(), project=None) as found:
        yield found


async def test_variables_name_the_project_first(signed_in: Google, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEVSHELL_PROJECT_ID", "from-shell")
    assert await default_project(signed_in) == ("from-shell", "DEVSHELL_PROJECT_ID")
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "from-variable")
    assert await default_project(signed_in) == ("from-variable", "GOOGLE_CLOUD_PROJECT")


async def test_then_gcloud(signed_in: Google) -> None:
    assert await default_project(signed_in) == ("my-project", "gcloud")


async def test_what_cloud_shells_metadata_says_is_no_project(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUD_SHELL", "true")
    for named in ("no-project-id", "618104708054"):
        monkeypatch.setattr("google.auth.default", lambda scopes, named=named: (AnonymousCredentials(), named))  # type: ignore[no-untyped-call]
        async with Google(Cloud(), clock=VirtualClock(), redactor=Redactor(), project=None) as google:
            assert await default_project(google) == ("", "")


# -- kubectl's token


async def test_kubectl_gets_a_token_with_its_end(fake: Fake, home: Home) -> None:
    environment = Environment.new(home, "demo", cloud="rehearsal", given={})
    found = await kubernetes_token(environment, fake.cloud)
    assert found["kind"] == "ExecCredential"
    assert found["apiVersion"] == "client.authentication.k8s.io/v1"
    assert found["status"]["token"] == "token-1"
    end = datetime.datetime.strptime(found["status"]["expirationTimestamp"], "%Y-%m-%dT%H:%M:%SZ")
    left = end - datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    assert datetime.timedelta(minutes=50) < left <= datetime.timedelta(minutes=60)
