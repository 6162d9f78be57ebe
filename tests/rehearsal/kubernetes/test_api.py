"""What every client relies on: paths, verbs, versions, selectors, pages, watches and patches."""

from __future__ import annotations

import json
from pathlib import Path

from simulated_cluster import Served, config_map, crd, deployment, serving, world_in

MAPS = "/api/v1/namespaces/default/configmaps"
APPS = "/apis/apps/v1/namespaces/default/deployments"


async def test_discovery_names_what_is_served(served: Served) -> None:
    _, groups = await served.call("GET", "/apis")
    assert {"apps", "rbac.authorization.k8s.io", "apiextensions.k8s.io"} <= {g["name"] for g in groups["groups"]}
    _, core = await served.call("GET", "/api/v1")
    names = {r["name"]: r for r in core["resources"]}
    assert names["pods/log"]["verbs"] == ["get"]
    assert not names["namespaces"]["namespaced"]
    assert [names[n].get("categories") for n in ("pods", "services", "configmaps")] == [["all"], ["all"], None]
    status, _ = await served.call("GET", "/apis/no.such.group")
    assert status == 404


async def test_an_object_is_made_read_replaced_and_deleted(served: Served) -> None:
    status, made = await served.call("POST", MAPS, config_map("a", {"k": "1"}))
    assert (status, made["data"]) == (201, {"k": "1"})
    status, again = await served.call("POST", MAPS, config_map("a", {}))
    assert (status, again["reason"]) == (409, "AlreadyExists")
    made["data"]["k"] = "2"
    status, replaced = await served.call("PUT", f"{MAPS}/a", made)
    assert (status, replaced["data"]["k"]) == (200, "2")
    status, late = await served.call("PUT", f"{MAPS}/a", made)
    assert (status, late["reason"]) == (409, "Conflict")
    status, gone = await served.call("DELETE", f"{MAPS}/a")
    assert (status, gone["status"]) == (200, "Success")
    status, missing = await served.call("GET", f"{MAPS}/a")
    assert (status, missing["message"]) == (404, 'configmaps "a" not found')


async def test_a_change_of_nothing_makes_no_new_version(served: Served) -> None:
    _, made = await served.call("POST", MAPS, config_map("a", {"k": "1"}))
    _, same = await served.call("PUT", f"{MAPS}/a", made)
    assert same["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]


async def test_a_dry_run_leaves_nothing(served: Served) -> None:
    status, _ = await served.call("POST", MAPS, config_map("a", {"k": "1"}), dryRun="All")
    assert status == 201
    assert (await served.call("GET", f"{MAPS}/a"))[0] == 404


async def test_selectors_choose(served: Served) -> None:
    for name, tier in (("a", "web"), ("b", "db"), ("c", "")):
        body = config_map(name, {})
        body["metadata"]["labels"] = {"tier": tier} if tier else {}
        await served.call("POST", MAPS, body)

    async def names(**query: str) -> list[str]:
        _, found = await served.call("GET", MAPS, **query)
        return [o["metadata"]["name"] for o in found["items"] if o["metadata"]["name"] in "abc"]

    assert await names(labelSelector="tier=web") == ["a"]
    assert await names(labelSelector="tier in (web, db)") == ["a", "b"]
    assert await names(labelSelector="tier!=web") == ["b", "c"]
    assert await names(labelSelector="!tier") == ["c"]
    assert await names(labelSelector="tier,tier notin (db)") == ["a"]
    assert await names(fieldSelector="metadata.name=b") == ["b"]
    status, _ = await served.call("GET", MAPS, labelSelector="a b c")
    assert status == 400


async def test_a_long_list_comes_in_pages(served: Served) -> None:
    for n in range(5):
        await served.call("POST", MAPS, config_map(f"m{n}", {}))
    _, first = await served.call("GET", MAPS, limit="4")
    assert (len(first["items"]), first["metadata"]["remainingItemCount"]) == (4, 2)
    _, rest = await served.call("GET", MAPS, limit="4", **{"continue": first["metadata"]["continue"]})
    assert len(rest["items"]) == 2
    assert "continue" not in rest["metadata"]


async def _changes(served: Served, count: int, **query: str) -> list[dict[str, object]]:
    headers = {"Authorization": f"Bearer {served.token}"}
    found: list[dict[str, object]] = []
    async with served.session.get(served.url + MAPS, params={"watch": "1", **query}, headers=headers) as answer:
        async for line in answer.content:
            found.append(json.loads(line))
            if len(found) == count:
                break
    return found


async def test_a_watch_tells_what_happened_since_a_version(served: Served) -> None:
    _, before = await served.call("GET", MAPS)
    version = before["metadata"]["resourceVersion"]
    await served.call("POST", MAPS, config_map("a", {"k": "1"}))
    await served.call("PATCH", f"{MAPS}/a", {"data": {"k": "2"}}, content_type="application/merge-patch+json")
    await served.call("DELETE", f"{MAPS}/a")
    found = await _changes(served, 3, resourceVersion=version, fieldSelector="metadata.name=a")
    assert [c["type"] for c in found] == ["ADDED", "MODIFIED", "DELETED"]


async def test_a_watch_of_initial_events_ends_them_with_a_bookmark(served: Served) -> None:
    query = {"sendInitialEvents": "true", "allowWatchBookmarks": "true", "resourceVersionMatch": "NotOlderThan"}
    found = await _changes(served, 2, **query)
    assert [c["type"] for c in found] == ["ADDED", "BOOKMARK"]
    bookmark = found[1]["object"]
    assert isinstance(bookmark, dict)
    assert bookmark["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


async def test_a_version_from_before_a_restart_is_gone(tmp_path: Path) -> None:
    world = world_in(tmp_path / "world")
    async with serving(world) as served:
        _, before = await served.call("GET", MAPS)
    async with serving(world) as served:
        await served.call("POST", MAPS, config_map("a", {}))
        status, answer = await served.call("GET", MAPS, watch="1", resourceVersion=before["metadata"]["resourceVersion"])
    assert (status, answer["type"], answer["object"]["reason"], answer["object"]["code"]) == (200, "ERROR", "Expired", 410)


async def test_each_kind_of_patch_does_its_own(served: Served) -> None:
    await served.call("POST", APPS, deployment(container={"env": [{"name": "A", "value": "1"}]}))
    path = f"{APPS}/web"
    second = {"spec": {"template": {"spec": {"containers": [{"name": "side", "image": "b"}]}}}}
    _, merged = await served.call("PATCH", path, second, content_type="application/strategic-merge-patch+json")
    assert [c["name"] for c in merged["spec"]["template"]["spec"]["containers"]] == ["side", "main"]
    removed = [{"op": "remove", "path": "/spec/template/spec/containers/0"}]
    _, patched = await served.call("PATCH", path, removed, content_type="application/json-patch+json")
    assert [c["name"] for c in patched["spec"]["template"]["spec"]["containers"]] == ["main"]
    _, replaced = await served.call("PATCH", path, second, content_type="application/merge-patch+json")
    assert [c["name"] for c in replaced["spec"]["template"]["spec"]["containers"]] == ["side"]
    status, _ = await served.call(
        "PATCH", path, [{"op": "test", "path": "/kind", "value": "Pod"}], content_type="application/json-patch+json"
    )
    assert status == 422


async def test_a_strategic_patch_is_not_for_custom_objects(served: Served) -> None:
    await served.call("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", crd("x.io", "Thing", "things"))
    things = "/apis/x.io/v1/namespaces/default/things"
    await served.call("POST", things, {"apiVersion": "x.io/v1", "kind": "Thing", "metadata": {"name": "t"}})
    status, _ = await served.call("PATCH", f"{things}/t", {}, content_type="application/strategic-merge-patch+json")
    assert status == 415


async def test_a_delete_of_another_one_is_refused(served: Served) -> None:
    await served.call("POST", MAPS, config_map("a", {}))
    status, answer = await served.call("DELETE", f"{MAPS}/a", {"preconditions": {"uid": "other"}})
    assert (status, answer["reason"]) == (409, "Conflict")


async def test_finalizers_hold_an_object(served: Served) -> None:
    body = config_map("a", {})
    body["metadata"]["finalizers"] = ["example.com/hold"]
    await served.call("POST", MAPS, body)
    _, marked = await served.call("DELETE", f"{MAPS}/a")
    assert marked["metadata"]["deletionTimestamp"]
    free = {"metadata": {"finalizers": None}}
    await served.call("PATCH", f"{MAPS}/a", free, content_type="application/merge-patch+json")
    assert (await served.call("GET", f"{MAPS}/a"))[0] == 404


async def test_a_namespace_goes_with_what_is_in_it(served: Served) -> None:
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n1"}}
    await served.call("POST", "/api/v1/namespaces", body)
    await served.call("POST", "/api/v1/namespaces/n1/configmaps", config_map("a", {}, "n1"))
    _, marked = await served.call("DELETE", "/api/v1/namespaces/n1")
    assert marked["status"]["phase"] == "Terminating"
    status, refused = await served.call("POST", "/api/v1/namespaces/n1/configmaps", config_map("b", {}, "n1"))
    assert status in (403, 404), refused
    status, _ = await served.call("POST", "/api/v1/namespaces/none/configmaps", config_map("b", {}, "none"))
    assert status == 404


async def test_without_a_cluster_nothing_answers(tmp_path: Path) -> None:
    import aiohttp
    import pytest

    world = world_in(tmp_path / "world")
    async with serving(world) as served:
        await served.call("POST", MAPS, config_map("a", {}))
        for name, _ in world.store.items("container.clusters"):
            world.store.delete("container.clusters", name)
        with pytest.raises(aiohttp.ClientError):
            await served.call("GET", MAPS)
    assert not world.store.items("kubernetes.objects") or world.store.kinds()


async def test_a_scenario_strikes_by_verb_and_resource(tmp_path: Path) -> None:
    faults = [
        {"call": "kubernetes:create:configmaps", "status": 503, "times": 1},
        {"call": "kubernetes:patch:deployments", "status": 429, "when": "after", "times": 1},
        {"call": "kubernetes:*", "status": 503, "times": 1},
    ]
    async with serving(world_in(tmp_path / "world", {"fault": faults})) as served:
        statuses = [(await served.call("POST", MAPS, config_map("a", {})))[0] for _ in range(3)]
        assert statuses == [503, 503, 201]
        first, _ = await served.apply(f"{APPS}/web", deployment())
        second, _ = await served.apply(f"{APPS}/web", deployment())
        third, _ = await served.apply(f"{APPS}/web", deployment())
        assert (first, second, third) == (503, 429, 200)


async def test_a_reset_drops_the_connection(tmp_path: Path) -> None:
    import aiohttp
    import pytest

    fault = {"call": "kubernetes:list:configmaps", "error": "reset", "times": 2}
    async with serving(world_in(tmp_path / "world", {"fault": [fault]})) as served:
        with pytest.raises(aiohttp.ClientError):
            await served.call("GET", MAPS)
        assert (await served.call("GET", MAPS))[0] == 200
