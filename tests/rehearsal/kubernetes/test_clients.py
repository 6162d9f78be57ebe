"""The real kubectl and the official client against the simulated cluster."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from simulated_cluster import SQL, Served, config_map, deployment, serving, world_in

APPS = "/apis/apps/v1/namespaces/default/deployments"
needs_kubectl = pytest.mark.skipif(shutil.which("kubectl") is None, reason="there is no kubectl on PATH")


async def _ok(served: Served, *args: str, stdin: str = "") -> str:
    done = await served.kubectl(*args, stdin=stdin)
    assert done.returncode == 0, done.stderr
    return done.stdout


@needs_kubectl
async def test_kubectl_applies_waits_and_shows(served: Served) -> None:
    body = yaml.safe_dump(deployment(replicas=2))
    assert "serverside-applied" in await _ok(served, "apply", "--server-side", "-f", "-", stdin=body)
    assert "successfully rolled out" in await _ok(served, "rollout", "status", "deployment/web", "--timeout=20s")
    await _ok(served, "wait", "--for=condition=Available", "deployment/web", "--timeout=10s")
    table = (await _ok(served, "get", "deployments")).splitlines()
    assert table[0].split() == ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"]
    assert table[1].split()[:4] == ["web", "2/2", "2", "2"]
    pods = (await _ok(served, "get", "pods")).splitlines()
    assert [line.split()[1:3] for line in pods[1:]] == [["1/1", "Running"]] * 2
    assert "NewReplicaSetAvailable" in await _ok(served, "describe", "deployment", "web")


@needs_kubectl
async def test_kubectls_own_apply_and_diff(served: Served) -> None:
    body = yaml.safe_dump(deployment())
    await _ok(served, "apply", "-f", "-", stdin=body)
    same = await served.kubectl("diff", "-f", "-", stdin=body)
    assert (same.returncode, same.stdout) == (0, "")
    other = await served.kubectl("diff", "-f", "-", stdin=yaml.safe_dump(deployment(image="nginx:2")))
    assert other.returncode == 1
    assert "+      - image: nginx:2" in other.stdout
    changed = yaml.safe_dump(deployment(image="nginx:2"))
    clash = await served.kubectl("apply", "--server-side", "--field-manager=other", "-f", "-", stdin=changed)
    assert clash.returncode == 1
    assert 'conflict with "kubectl-client-side-apply"' in clash.stderr
    # what kubectl applied from the client's side it may take over from the server's
    await _ok(served, "apply", "--server-side", "-f", "-", stdin=changed)


@needs_kubectl
async def test_kubectl_makes_changes_and_deletes(served: Served) -> None:
    await _ok(served, "create", "namespace", "team")
    await _ok(served, "create", "secret", "generic", "s", "-n", "team", "--from-literal=k=v")
    assert await _ok(served, "get", "secret", "s", "-n", "team", "-o", "jsonpath={.data.k}") == "dg=="
    await _ok(served, "apply", "-f", "-", stdin=yaml.safe_dump(deployment(namespace="team")))
    await _ok(served, "scale", "deployment/web", "-n", "team", "--replicas=3")
    await _ok(served, "rollout", "status", "deployment/web", "-n", "team", "--timeout=20s")
    await _ok(served, "rollout", "restart", "deployment/web", "-n", "team")
    await _ok(served, "label", "deployment", "web", "-n", "team", "a=b")
    await _ok(served, "delete", "namespace", "team", "--timeout=20s")
    assert "NotFound" in (await served.kubectl("get", "namespace", "team")).stderr
    assert (await _ok(served, "auth", "can-i", "create", "pods")).strip() == "yes"


@needs_kubectl
async def test_kubectl_tells_of_an_unknown_field(served: Served) -> None:
    done = await served.kubectl("create", "-f", "-", stdin=yaml.safe_dump(deployment(replcas=1)))
    assert 'strict decoding error: unknown field "spec.replcas"' in done.stderr


def database(served: Served, plugin: str = "mysql_native_password") -> dict[str, Any]:
    """A running instance with its user, and a proxy to it whose pod may use it."""
    project, _, name = SQL.split(":")
    served.world.store.put(
        "sql.instances", f"{project}/{name}", {"name": name, "state": "RUNNABLE", "databaseVersion": "MYSQL_8_4"}
    )
    user = {"name": "root", "host": "%", "instance": f"{project}/{name}", "password": "pw", "plugin": plugin}
    served.world.store.put("sql.users", f"{project}/{name}/root@%", user)
    from core.rehearsal.google import iam_policy

    member = f"serviceAccount:{project}.svc.id.goog[default/default]"
    iam_policy.grant(served.world, f"projects/{project}", "roles/cloudsql.client", member, at_once=True)
    args = ["--private-ip", "--address=0.0.0.0", SQL]
    return deployment("proxy", image="gcr.io/cloud-sql-connectors/cloud-sql-proxy:2.21.3", container={"args": args})


@needs_kubectl
async def test_kubectl_forwards_a_port_for_many_connections(served: Served) -> None:
    pytest.importorskip("pymysql")
    await served.apply(f"{APPS}/proxy", database(served))
    await served.until(APPS, lambda o: o.get("status", {}).get("readyReplicas") == 1)
    command = ["--kubeconfig", str(served.kubeconfig), "port-forward", "deployment/proxy", ":3306"]
    child = await asyncio.create_subprocess_exec("kubectl", *command, stdout=asyncio.subprocess.PIPE)
    try:
        assert child.stdout is not None
        async with asyncio.timeout(20):
            line = (await child.stdout.readline()).decode()
        port = int(line.split(":")[1].split(" ")[0])
        found = await asyncio.gather(*(asyncio.to_thread(_version, port) for _ in range(5)))
        assert set(found) == {"8.4.6-google"}
    finally:
        child.kill()
        await child.wait()


def _version(port: int) -> str:
    import pymysql

    connection = pymysql.connect(host="127.0.0.1", port=port, user="root", password="pw")
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT VERSION()")
            return str(cursor.fetchone()[0])
    finally:
        connection.close()


async def _client(served: Served) -> Any:
    from kubernetes.aio import client

    settings = client.Configuration(host=served.url)
    settings.ssl_ca_cert = str(served.kubeconfig.parent / "ca.pem")
    settings.api_key = {"BearerToken": f"Bearer {served.token}", "authorization": f"Bearer {served.token}"}
    return client.ApiClient(settings)


async def test_the_official_client_works_dynamically(served: Served) -> None:
    from kubernetes.aio.dynamic import DynamicClient

    async with await _client(served) as api:
        dynamic = await DynamicClient(api)
        maps = await dynamic.resources.get(api_version="v1", kind="ConfigMap")
        await maps.create(body=config_map("a", {"k": "1"}), namespace="default")
        found = await maps.get(name="a", namespace="default")
        assert found.to_dict()["data"] == {"k": "1"}
        body = config_map("a", {"k": "2"})
        applied = await maps.server_side_apply(
            body=body, name="a", namespace="default", field_manager="test", force_conflicts=True
        )
        assert applied.to_dict()["data"] == {"k": "2"}
        await maps.delete(name="a", namespace="default")
        kinds = [r.kind for r in await dynamic.resources.search(group="apps")]
        assert "Deployment" in kinds


async def test_logs_come_by_container_and_by_their_end(served: Served) -> None:
    await served.apply(f"{APPS}/proxy", database(served))
    await served.until(APPS, lambda o: o.get("status", {}).get("readyReplicas") == 1)
    _, pods = await served.call("GET", "/api/v1/namespaces/default/pods")
    path = f"/api/v1/namespaces/default/pods/{pods['items'][0]['metadata']['name']}/log"
    status, text = await served.call("GET", path, container="main", tailLines="1")
    assert status == 200
    assert text.endswith("The proxy has started successfully and is ready for new connections!\n")
    assert (await served.call("GET", "/api/v1/namespaces/default/pods/none/log"))[0] == 404


async def test_a_websocket_of_another_protocol_is_refused(served: Served) -> None:
    import aiohttp

    await served.apply(f"{APPS}/web", deployment())
    await served.until(APPS, lambda o: o.get("status", {}).get("readyReplicas") == 1)
    _, pods = await served.call("GET", "/api/v1/namespaces/default/pods")
    url = f"{served.url}/api/v1/namespaces/default/pods/{pods['items'][0]['metadata']['name']}/portforward?ports=80"
    headers = {"Authorization": f"Bearer {served.token}"}
    with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
        await served.session.ws_connect(url, headers=headers, protocols=("v9.channel.k8s.io",))
    assert caught.value.status == 400
    async with served.session.ws_connect(url, headers=headers, protocols=("v4.channel.k8s.io",)) as websocket:
        opened = [await websocket.receive_bytes() for _ in range(2)]
        assert opened == [b"\x00P\x00", b"\x01P\x00"]
        told = await websocket.receive_bytes()
        assert told[0] == 1
        assert b"connection refused" in told


def test_the_tunnels_dictionary_is_the_protocols() -> None:
    import zlib

    from core.rehearsal.kubernetes.forwarding.tunnel import Framer, dictionary

    assert zlib.adler32(dictionary()) == 0xE3C6A7C2
    client, server = Framer(), Framer()
    for stream in (1, 3):
        headers = {"streamtype": "data", "port": "3306", "requestid": str(stream)}
        [(control, kind, _, payload)] = list(server.feed(client.open(stream, headers)))
        assert (control, kind) == (True, 1)
        assert server.headers(payload[10:]) == headers


async def test_a_scenario_drops_connections_to_the_database(tmp_path: Path) -> None:
    fault = [{"call": "mysql", "error": "reset", "times": 1}]
    async with serving(world_in(tmp_path / "world", {"fault": fault})) as served:
        await served.apply(f"{APPS}/proxy", database(served))
        await served.until(APPS, lambda o: o.get("status", {}).get("readyReplicas") == 1)
        _, pods = await served.call("GET", "/api/v1/namespaces/default/pods")
        name = pods["items"][0]["metadata"]["name"]
        url = f"{served.url}/api/v1/namespaces/default/pods/{name}/portforward?ports=3306"
        headers = {"Authorization": f"Bearer {served.token}"}
        greetings = []
        for _ in range(2):
            async with served.session.ws_connect(url, headers=headers, protocols=("v4.channel.k8s.io",)) as websocket:
                for _ in range(2):
                    await websocket.receive_bytes()
                greetings.append((await websocket.receive()).data)
        assert not isinstance(greetings[0], bytes)
        assert b"caching_sha2_password" in greetings[1]
