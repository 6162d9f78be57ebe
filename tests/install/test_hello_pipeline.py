"""The hello pipeline: its form, and its code run against servers that stand in for the metadata server and Google."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import threading
import urllib.parse
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

FILE = Path(__file__).resolve().parents[2] / "core" / "install" / "data" / "hello.yaml"
IR: dict[str, Any] = yaml.safe_load(FILE.read_text())
CONTAINER: dict[str, Any] = IR["deploymentSpec"]["executors"]["exec-hello"]["container"]
CODE: str = CONTAINER["command"][2]
ACCOUNT, TOKEN = "demo-kfp-abcdef@my-project.iam.gserviceaccount.com", "token-of-the-account"
REGISTRY = "us-central1-docker.pkg.dev/my-project/demo-images"
CHECKS = {"storage", "bigquery", "dataflow", "vertex-training", "vertex-prediction", "artifact-registry"}


class Server(ThreadingHTTPServer):
    """Google's APIs and the metadata server on one port; ``trouble`` is a list of (part of a path, status, how often)."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.objects: dict[str, bytes] = {}
        self.calls: list[tuple[str, str]] = []
        self.bodies: dict[str, bytes] = {}
        self.trouble: list[list[Any]] = []
        self.lock = threading.Lock()


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path, _, query = self.path.partition("?")
        with self.server.lock:
            self.server.calls.append((self.command, self.path))
            self.server.bodies[path] = body
            for each in self.server.trouble:
                if each[0] in self.path and each[2] != 0:
                    each[2] -= 1
                    return self._answer(each[1], {"error": {"message": f"trouble {each[1]}"}})
            status, answer = self._result(path, dict(urllib.parse.parse_qsl(query)), body)
        return self._answer(status, answer)

    def _result(self, path: str, query: dict[str, str], body: bytes) -> tuple[int, Any]:
        objects = self.server.objects
        if path.startswith("/computeMetadata/v1/"):
            assert self.headers["Metadata-Flavor"] == "Google"
            return (200, ACCOUNT.encode()) if path.endswith("/email") else (200, {"access_token": TOKEN})
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return 401, {"error": {"message": "no token"}}
        if path == "/storage/upload/storage/v1/b/bucket/o":
            objects[query["name"]] = body
            return 200, {}
        if path.startswith("/storage/storage/v1/b/bucket/o/"):
            key = urllib.parse.unquote(path.rpartition("/o/")[2])
            if self.command == "DELETE":
                return (204, b"") if objects.pop(key, None) is not None else (404, {})
            return (200, objects[key]) if query.get("alt") == "media" else (200, {})
        return 200, {}

    def _answer(self, status: int, answer: Any) -> None:
        data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture
def google() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def run(server: Server, folder: Path) -> subprocess.CompletedProcess[str]:
    """The step's code, as its container runs it."""
    host = f"127.0.0.1:{server.server_address[1]}"
    variables = {"GCE_METADATA_HOST": host, "MLOPS_ENV_GOOGLE": f"http://{host}", "MLOPS_ENV_PAUSE": "0"}
    given = ["bucket", "hello/1.json", "my-project", "us-central1", REGISTRY, str(folder / "out" / "report")]
    command = [sys.executable, "-I", "-c", CODE, *given]
    return subprocess.run(command, env=variables, capture_output=True, text=True, timeout=60)


def report(server: Server) -> dict[str, Any]:
    data = json.loads(server.objects["hello/1.json"])
    assert isinstance(data, dict)
    return data


def test_every_service_is_asked(google: Server, tmp_path: Path) -> None:
    done = run(google, tmp_path)
    assert done.returncode == 0, done.stderr
    found = report(google)
    assert found["account"] == ACCOUNT
    assert set(found["checks"]) == CHECKS
    assert all(check["ok"] and check["detail"] for check in found["checks"].values())
    assert json.loads((tmp_path / "out" / "report").read_text()) == found
    assert set(google.objects) == {"hello/1.json"}


def test_the_calls_are_those_of_the_services(google: Server, tmp_path: Path) -> None:
    run(google, tmp_path)
    place = "projects/my-project/locations/us-central1"
    wanted = [
        ("POST", "/bigquery/bigquery/v2/projects/my-project/queries"),
        ("GET", f"/dataflow/v1b3/{place}/jobs?pageSize=1"),
        ("GET", f"/aiplatform/v1/{place}/customJobs?pageSize=1"),
        ("GET", f"/aiplatform/v1/{place}/endpoints?pageSize=1"),
        ("GET", f"/artifactregistry/v1/{place}/repositories/demo-images"),
        ("GET", "/storage/storage/v1/b/bucket/o/hello%2F1.json.probe?alt=media"),
        ("DELETE", "/storage/storage/v1/b/bucket/o/hello%2F1.json.probe"),
    ]
    assert set(wanted) <= set(google.calls)
    query = json.loads(google.bodies["/bigquery/bigquery/v2/projects/my-project/queries"])
    assert query["dryRun"] is True


@pytest.mark.parametrize(
    ("part", "name"),
    [
        ("/o/hello", "storage"), ("/bigquery/", "bigquery"), ("/dataflow/", "dataflow"), ("/customJobs", "vertex-training"),
        ("/endpoints", "vertex-prediction"), ("/repositories/", "artifact-registry"),
    ],
)  # fmt: skip
def test_one_refusal_is_one_check_with_its_reason(part: str, name: str, google: Server, tmp_path: Path) -> None:
    google.trouble.append([part, 403, -1])
    done = run(google, tmp_path)
    assert done.returncode == 0, done.stderr
    checks = report(google)["checks"]
    assert {key for key, check in checks.items() if not check["ok"]} == {name}
    assert checks[name]["detail"] == "403 trouble 403"


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_blip_is_tried_again(status: int, google: Server, tmp_path: Path) -> None:
    google.trouble += [[part, status, 2] for part in ("/bigquery/", "/upload/", "/dataflow/", "/token")]
    done = run(google, tmp_path)
    assert done.returncode == 0, done.stderr
    assert all(check["ok"] for check in report(google)["checks"].values())


def test_the_metadata_server_has_its_first_minute(google: Server, tmp_path: Path) -> None:
    google.trouble += [["/email", 404, 15], ["/token", 403, 15]]
    assert run(google, tmp_path).returncode == 0
    assert report(google)["account"] == ACCOUNT


def test_a_bucket_that_refuses_fails_the_step_and_is_named(google: Server, tmp_path: Path) -> None:
    google.trouble.append(["/upload/", 403, -1])
    done = run(google, tmp_path)
    assert done.returncode == 1
    assert done.stderr.strip().endswith("gs://bucket/hello/1.json: 403 trouble 403")
    assert '"bigquery"' in done.stdout


def test_the_token_is_never_printed(google: Server, tmp_path: Path) -> None:
    done = run(google, tmp_path)
    assert TOKEN not in done.stdout + done.stderr
    assert TOKEN not in (tmp_path / "out" / "report").read_text()


def test_the_real_hosts_are_the_defaults() -> None:
    assert '"metadata.google.internal"' in CODE
    assert '"https://" + (host or api + ".googleapis.com")' in CODE
    assert 'region + "-aiplatform.googleapis.com"' in CODE


def test_the_code_is_of_the_standard_library_alone() -> None:
    tree = ast.parse(CODE)
    imported = {a.name.partition(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for a in node.names}
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert imported <= sys.stdlib_module_names


def test_argo_finds_nothing_to_expand() -> None:
    assert "{{" not in CODE
    assert "}}" not in CODE


def test_caching_is_off_and_every_parameter_reaches_the_code() -> None:
    task = IR["root"]["dag"]["tasks"]["hello"]
    assert task["cachingOptions"] == {}
    given = re.findall(r"inputs\.parameters\['(\w+)'\]", " ".join(CONTAINER["args"]))
    declared = [set(place["parameters"]) for place in (IR["components"]["comp-hello"]["inputDefinitions"], task["inputs"],
                                                       IR["root"]["inputDefinitions"])]  # fmt: skip
    assert declared == [set(given)] * 3
    assert CODE.splitlines()[3].startswith(", ".join(given) + ", out = sys.argv[1:]")


def test_the_image_is_one_of_the_releases() -> None:
    assert CONTAINER["image"] == "ghcr.io/kubeflow/kfp-metadata-writer:2.17.0"


def test_kubeflows_own_schema_takes_it() -> None:
    module = pytest.importorskip("kfp.pipeline_spec.pipeline_spec_pb2", reason="kfp-pipeline-spec is not installed")
    json_format = pytest.importorskip("google.protobuf.json_format")
    spec = json_format.ParseDict(IR, module.PipelineSpec())
    assert spec.pipeline_info.name == "mlops-env-hello"
    assert spec.root.dag.tasks["hello"].caching_options.enable_cache is False
