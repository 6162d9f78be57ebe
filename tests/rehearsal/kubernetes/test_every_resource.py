"""What holds for every resource that the API lists: rights are asked for, and nothing that is sent breaks it."""

from __future__ import annotations

from typing import Any

from simulated_cluster import PROJECT, Served

from core.rehearsal.google import iam_policy

NOBODY = f"nobody@{PROJECT}.iam.gserviceaccount.com"
BODIES: tuple[Any, ...] = (
    None, [], 7, "text", {}, {"kind": "Nothing"}, {"metadata": []}, {"metadata": {"name": 7}}, {"spec": "all"},
)  # fmt: skip


async def resources(served: Served) -> list[tuple[str, dict[str, Any]]]:
    """The path and the description of each resource, in ``default`` where it lies in a namespace."""
    roots = ["/api/v1"]
    for group in (await served.call("GET", "/apis"))[1]["groups"]:
        roots += [f"/apis/{version['groupVersion']}" for version in group["versions"]]
    found = []
    for root in roots:
        status, listed = await served.call("GET", root)
        assert status == 200, root
        for resource in listed["resources"]:
            if "/" not in resource["name"] and "get" in resource["verbs"]:
                place = "/namespaces/default" if resource["namespaced"] else ""
                found.append((f"{root}{place}/{resource['name']}", resource))
    assert len(found) > 20
    return found


def is_status(answer: Any, code: int, reason: str) -> bool:
    """Whether an answer is a Kubernetes Status of a code and a reason."""
    return isinstance(answer, dict) and (answer.get("kind"), answer.get("code"), answer.get("reason")) == (
        "Status", code, reason,
    )  # fmt: skip


async def test_each_is_listed_and_what_is_absent_is_not_found(served: Served) -> None:
    wrong = []
    for path, resource in await resources(served):
        status, listed = await served.call("GET", path)
        if (status, listed.get("kind")) != (200, f"{resource['kind']}List"):
            wrong.append((path, status, listed))
        for method, verb in (("GET", "get"), ("DELETE", "delete")):
            status, answer = await served.call(method, f"{path}/absent-one")
            if verb in resource["verbs"] and not is_status(answer, 404, "NotFound"):
                wrong.append((f"{method} {path}", status, answer))
    assert wrong == []


async def test_without_a_right_each_is_forbidden(served: Served) -> None:
    listed = await resources(served)
    door = "roles/container.clusterViewer"  # lets in, and no further
    iam_policy.grant(served.world, f"projects/{PROJECT}", door, f"serviceAccount:{NOBODY}", at_once=True)
    served.token, _ = served.world.identity.mint(NOBODY)
    wrong = []
    for path, resource in listed:
        for method, where, verb in (
            ("GET", path, "list"), ("GET", f"{path}/a", "get"), ("POST", path, "create"), ("DELETE", f"{path}/a", "delete"),
        ):  # fmt: skip
            status, answer = await served.call(method, where, {"metadata": {"name": "a"}} if method == "POST" else None)
            if verb in resource["verbs"] and not is_status(answer, 403, "Forbidden"):
                wrong.append((f"{method} {where}", status, answer))
    assert wrong == []


async def test_whatever_is_sent_the_answer_is_a_status(served: Served) -> None:
    wrong = []
    for path, resource in await resources(served):
        for body in BODIES:
            answers = [await served.call("PUT", f"{path}/absent-one", body)]
            if "create" in resource["verbs"]:
                answers.append(await served.call("POST", path, body))
            if "patch" in resource["verbs"]:
                answers.append(await served.apply(f"{path}/absent-one", body))
                answers.append(
                    await served.call("PATCH", f"{path}/absent-one", body, content_type="application/merge-patch+json")
                )
            for status, answer in answers:
                made = status in (200, 201)
                if not made and not (400 <= status < 500 and isinstance(answer, dict) and answer["kind"] == "Status"):
                    wrong.append((path, body, status, answer))
    assert wrong == []


async def test_a_kind_of_patch_that_there_is_not_is_named(served: Served) -> None:
    path = "/api/v1/namespaces/default/configmaps/a"
    status, answer = await served.call("PATCH", path, {}, content_type="application/x-made-up")
    assert is_status(answer, 415, "UnsupportedMediaType"), (status, answer)
