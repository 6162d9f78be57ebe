"""The provider's small parts: errors' words, batches, operations, credentials, the mirror, maintenance policies."""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.rehearsal.provider import mirror
from core.rehearsal.provider.batch import Batches
from core.rehearsal.provider.client import Google
from core.rehearsal.provider.credentials import NoCredentials, Tokens
from core.rehearsal.provider.errors import ApiError, ResourceFailed, Unreachable, WaitFailed
from core.rehearsal.provider.operations import Operations, is_done, problem_of
from core.rehearsal.provider.pace import RATE, Pace
from core.rehearsal.provider.resources.maintenance import maintenance_body, maintenance_state
from core.rehearsal.provider.values import UNKNOWN, decode, encode, known

NOW = Pace(0)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"message": "No", "errors": [{"message": "No", "reason": "notFound"}]}, "googleapi: Error 404: No, notFound"),
        (
            {"message": "No", "errors": [{"message": "Other", "reason": "a"}, {"message": "More", "reason": "b"}]},
            "googleapi: Error 404: No\nMore details:\nReason: a, Message: Other\nReason: b, Message: More\n",
        ),
        ({"message": "No", "details": [{"a": 1}]}, 'googleapi: Error 404: No\nDetails:\n[\n  {\n    "a": 1\n  }\n]'),
    ],
)
def test_an_error_reads_as_in_the_real_provider(body: dict[str, Any], text: str) -> None:
    assert str(ApiError(404, json.dumps({"error": body}))) == text


def test_an_error_without_json_shows_its_body() -> None:
    assert str(ApiError(502, "<html>")) == "googleapi: got HTTP response code 502 with body: <html>"


def test_values_travel() -> None:
    value = {"a": None, "b": [1, "x", UNKNOWN], "c": UNKNOWN}
    back = decode(encode(value))
    assert back["c"] is UNKNOWN
    assert back["b"][:2] == [1, "x"]
    assert not known(back)
    assert known({"a": [1]})


def test_what_comes_at_once_is_written_once() -> None:
    writes: list[list[int]] = []
    batches: Batches[int] = Batches(Pace(100))
    threads = [threading.Thread(target=batches.write, args=("policy", "a member", n, writes.append)) for n in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(n for write in writes for n in write) == [0, 1, 2, 3, 4]
    assert len(writes) < 5


def test_one_bad_item_does_not_take_the_others_along() -> None:
    written: list[int] = []
    failed: dict[int, str] = {}

    def send(items: list[int]) -> None:
        if 2 in items:
            raise ResourceFailed("no such member")
        written.extend(items)

    def write(number: int) -> None:
        try:
            batches.write("policy", f'member "{number}"', number, send)
        except ResourceFailed as error:
            failed[number] = str(error)

    batches: Batches[int] = Batches(Pace(100))
    threads = [threading.Thread(target=write, args=(n,)) for n in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(written) == [0, 1, 3, 4]
    assert failed == {
        2: 'Request `member "2"` returned error: Batch request and retried single request "member \\"2\\"" both failed. '
        "Final error: no such member"
    }


def test_an_operation_has_ended_and_failed_in_each_form() -> None:
    assert is_done({"done": True})
    assert is_done({"status": "DONE"})
    assert not is_done({"status": "RUNNING"})
    assert problem_of({"status": "DONE", "statusMessage": "stockout"}) == "stockout"
    assert problem_of({"error": {"errors": [{"message": "one"}, {"code": "TWO"}]}}) == "one\nTWO"
    assert problem_of({"error": {"code": 7, "message": "denied"}}) == "Error code 7, message: denied"
    assert problem_of({"done": True, "response": {}}) == ""


class _Scripted(Google):
    """Answers each call from a list; an exception in it is raised."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)

    def call(self, service: str, method: str, path: str, **_: Any) -> Any:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


RUNNING, DONE = {"name": "op", "status": "RUNNING"}, {"name": "op", "status": "DONE"}


def test_an_operation_not_found_yet_is_looked_for_again() -> None:
    google = _Scripted(ApiError(404, "{}"), RUNNING, DONE)
    assert Operations(google, NOW, threading.Event()).container("p", "z", RUNNING, "creating", 60) == DONE


def test_a_refusal_in_mid_poll_ends_the_wait() -> None:
    denied = ApiError(401, json.dumps({"error": {"message": "Invalid Credentials"}}))
    with pytest.raises(WaitFailed, match=r"creating: error while retrieving operation: .*Invalid Credentials"):
        Operations(_Scripted(denied), NOW, threading.Event()).container("p", "z", RUNNING, "creating", 60)


def test_some_waits_look_at_a_request_to_stop_and_some_do_not() -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(WaitFailed, match="context canceled") as failed:
        Operations(_Scripted(), NOW, stop).container("p", "z", RUNNING, "creating", 60)
    assert failed.value.stopped
    assert Operations(_Scripted(RUNNING, DONE), NOW, stop).sql("p", RUNNING, "Create Instance", 60) == DONE


def test_a_wait_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NOW, "deadline", lambda seconds: 0.0)
    with pytest.raises(WaitFailed, match=r"last state: 'RUNNING', timeout: 40m0s"):
        Operations(_Scripted(), NOW, threading.Event()).compute("p", RUNNING, "creating", 2400)


def test_the_rate_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Pace.from_environment().rate == 1
    monkeypatch.setenv(RATE, "60")
    assert Pace.from_environment().rate == 60
    monkeypatch.setenv(RATE, "fast")
    assert Pace.from_environment().rate == 1


class _Server(http.server.ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: list[tuple[int, Any]] = []
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Server

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.seen.append((self.command, self.path, dict(self.headers), body))
        status, answer = self.server.answers.pop(0)
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PATCH = _answer

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[_Server]:
    with _Server() as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.02,))
        thread.start()
        yield made
        made.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def _no_sign_in(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [n for n in os.environ if n.startswith(("GOOGLE_", "GCE_"))]:
        monkeypatch.delenv(name)


def _google(server: _Server, **sign_in: str) -> Google:
    endpoints = {name: f"http://{server.host}/{name}/v1/" for name in ("compute", "sql", "workbench")}
    google = Google(NOW, endpoints=endpoints, user_project="paying")
    google.sign_in(**sign_in)
    return google


def test_a_call_carries_token_and_project(server: _Server) -> None:
    server.answers = [(200, {"name": "n"})]
    assert _google(server, access_token="t").call("compute", "GET", "projects/p", query={"a": "b c"}) == {"name": "n"}
    method, path, headers, _ = server.seen[0]
    assert (method, path) == ("GET", "/compute/v1/projects/p?alt=json&a=b%20c")
    assert headers["Authorization"] == "Bearer t"
    assert headers["X-Goog-User-Project"] == "paying"


def test_a_busy_answer_is_tried_again_and_a_refusal_is_not(server: _Server) -> None:
    busy = {"error": {"message": "operationInProgress", "errors": [{"reason": "operationInProgress"}]}}
    server.answers = [
        (503, {}),
        (429, {}),
        (409, busy),
        (200, {"ok": 1}),
        (403, {}),
        (409, {"error": {"message": "exists"}}),
    ]
    google = _google(server, access_token="t")
    assert google.call("compute", "POST", "x", body={}) == {"ok": 1}
    for status in (403, 409):
        with pytest.raises(ApiError) as refused:
            google.call("compute", "POST", "x", body={})
        assert refused.value.status == status
    assert len(server.seen) == 6


QUOTA_A_MINUTE = "Quota exceeded for quota metric 'Read requests' and limit 'Read requests per minute' of service 'compute'."
CROWDED = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "CONCURRENT_OPERATIONS_QUOTA_EXCEEDED"}


@pytest.mark.parametrize(
    ("service", "status", "error"),
    [
        ("compute", 409, {"message": "Busy.", "details": [{"reason": "operationInProgress"}]}),
        ("compute", 400, {"message": "'global/networks/n' is not ready", "errors": [{"reason": "resourceNotReady"}]}),
        ("compute", 403, {"message": QUOTA_A_MINUTE}),
        ("compute", 403, {"message": "Too many.", "details": [CROWDED]}),
        ("sql", 409, {"message": "Instance is being updated.", "errors": [{"reason": "invalidState"}]}),
        ("workbench", 409, {"message": "Unable to queue the operation."}),
    ],
)
def test_what_passes_by_itself_is_tried_again(server: _Server, service: str, status: int, error: dict[str, Any]) -> None:
    server.answers = [(status, {"error": error}), (200, {"ok": 1})]
    assert _google(server, access_token="t").call(service, "POST", "x", body={}) == {"ok": 1}


@pytest.mark.parametrize(
    ("service", "status", "error"),
    [
        ("compute", 409, {"message": "Another operation in progress."}),
        ("compute", 400, {"message": "'routers/r' is not ready", "errors": [{"reason": "resourceNotReady"}]}),
        ("compute", 403, {"message": "Quota 'CPUS' exceeded.", "errors": [{"reason": "quotaExceeded"}]}),
        ("compute", 409, {"message": "Unable to queue the operation."}),
        ("sql", 409, {"message": "It exists.", "errors": [{"reason": "instanceAlreadyExists"}]}),
        ("workbench", 409, {"message": "It exists."}),
    ],
)
def test_what_stays_is_told_at_once(server: _Server, service: str, status: int, error: dict[str, Any]) -> None:
    server.answers = [(status, {"error": error})]
    with pytest.raises(ApiError):
        _google(server, access_token="t").call(service, "POST", "x", body={})


def test_patience_ends(server: _Server) -> None:
    server.answers = [(503, {})] * 100
    with pytest.raises(ApiError):
        _google(server, access_token="t").call("compute", "GET", "x")
    assert 40 < len(server.seen) < 60


def test_where_nobody_listens_no_second_try_is_made() -> None:
    google = Google(NOW, endpoints={"compute": "http://127.0.0.1:9/"})
    google.sign_in(access_token="t")
    with pytest.raises(Unreachable, match="connection refused"):
        google.call("compute", "GET", "x")


def test_tokens_come_from_the_metadata_server_ever_anew(server: _Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GCE_METADATA_HOST", server.host)
    monkeypatch.setattr("core.rehearsal.provider.credentials.KEPT", 0.0)
    server.answers = [(200, {"access_token": "one", "expires_in": 3600}), (200, {})]
    server.answers += [(200, {"access_token": "two", "expires_in": 3600}), (200, {})]
    google = _google(server)
    google.call("compute", "GET", "x")
    google.call("compute", "GET", "x")
    assert [s[2].get("Authorization") for s in server.seen if s[1].startswith("/compute/")] == ["Bearer one", "Bearer two"]
    assert server.seen[0][2]["Metadata-Flavor"] == "Google"


def test_a_key_file_is_exchanged_for_a_token_that_is_kept(
    server: _Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    info = {"type": "service_account", "client_email": "a@b", "private_key": pem.decode(), "private_key_id": "1",
            "token_uri": f"http://{server.host}/token"}  # fmt: skip
    (tmp_path / "key.json").write_text(json.dumps(info))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "key.json"))
    server.answers = [(200, {"access_token": "one", "expires_in": 3600}), (200, {}), (200, {})]
    google = _google(server)
    google.call("compute", "GET", "x")
    google.call("compute", "GET", "x")
    assert b"grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=ey" in server.seen[0][3]
    assert len(server.seen) == 3


def test_without_any_sign_in_the_error_says_so() -> None:
    with pytest.raises(NoCredentials, match="could not find default credentials"):
        Tokens(lambda *_: {}).get()


def test_the_mirror_holds_a_program_that_stays_the_same(tmp_path: Path) -> None:
    folder = mirror.write(tmp_path / "providers", rate=60)
    (program,) = folder.rglob("terraform-provider-google_v7.45.0_x5")
    before = program.stat()
    mirror.write(tmp_path / "providers", rate=0)
    assert program.stat().st_mtime_ns == before.st_mtime_ns
    assert (folder / "rate").read_text() == "0\n"
    assert program.parent.name == mirror.host()
    assert program.parent.parent.name == "7.45.0"


def test_the_program_says_what_it_is_when_somebody_starts_it(tmp_path: Path) -> None:
    (program,) = mirror.write(tmp_path / "a folder's").rglob("terraform-provider-*")
    done = subprocess.run([program], capture_output=True, text=True, check=False, cwd=tmp_path, timeout=30)
    assert done.returncode == 1
    assert "Terraform starts by itself" in done.stderr


def test_starting_loads_neither_the_client_nor_the_resources() -> None:
    code = "import sys, core.rehearsal.provider.server; print([m for m in sys.modules if m in sys.argv])"
    heavy = ["urllib3", "requests", "google.auth", "cryptography", "core.rehearsal.provider.resources"]
    done = subprocess.run([sys.executable, "-c", code, *heavy], capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout.strip() == "[]"


def test_a_maintenance_policy_comes_back_as_it_was_sent() -> None:
    excluded = {"exclusion_name": "fair", "start_time": "a", "end_time": "b",
                "exclusion_options": [{"scope": "NO_UPGRADES", "end_time_behavior": None}]}  # fmt: skip
    daily = {
        "daily_maintenance_window": [{"start_time": "03:00", "duration": None}],
        "recurring_window": [],
        "maintenance_exclusion": [excluded],
    }
    assert maintenance_state(maintenance_body([daily])) == [daily]
    weekly = {
        "daily_maintenance_window": [],
        "recurring_window": [{"start_time": "a", "end_time": "b", "recurrence": "FREQ=WEEKLY"}],
        "maintenance_exclusion": [],
    }
    assert maintenance_state(maintenance_body([weekly])) == [weekly]
    assert maintenance_state({}) == []
