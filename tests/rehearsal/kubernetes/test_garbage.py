"""The garbage collector: what is owned goes with its owner, before it, or stays, and only once the collector has looked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from simulated_cluster import Bench

from core.rehearsal.kubernetes.status import ApiError


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A cluster in which ``owner`` owns ``owned`` and blocks on it."""
    bench = Bench(tmp_path)
    bench.put(_map("owner"))
    bench.put(_map("owned", "owner", bench))
    return bench


def _map(name: str, owner: str = "", bench: Bench | None = None, **metadata: Any) -> dict[str, Any]:
    if owner and bench is not None:
        uid = bench.get("v1", "ConfigMap", owner)["metadata"]["uid"]
        reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": owner, "uid": uid, "blockOwnerDeletion": True}
        metadata["ownerReferences"] = [reference]
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **metadata}}


def _delete(bench: Bench, name: str, policy: str = "") -> dict[str, Any]:
    return bench.cluster.delete(bench.kind("v1", "ConfigMap"), "default", name, policy=policy)


def _there(bench: Bench, name: str) -> bool:
    try:
        bench.get("v1", "ConfigMap", name)
    except ApiError:
        return False
    return True


def test_what_is_owned_goes_after_its_owner(bench: Bench) -> None:
    _delete(bench, "owner")
    assert (_there(bench, "owner"), _there(bench, "owned")) == (False, True), "the collector has not looked yet"
    bench.controllers.settle()
    assert not _there(bench, "owned")


def test_in_the_foreground_the_owner_goes_last(bench: Bench) -> None:
    marked = _delete(bench, "owner", "Foreground")
    assert marked["metadata"]["finalizers"] == ["foregroundDeletion"]
    held = _map("held", "owner", bench, finalizers=["example.com/hold"])
    bench.put(held)
    assert (_there(bench, "owner"), _there(bench, "owned"), _there(bench, "held")) == (True, False, True)
    bench.put({**held, "metadata": {**held["metadata"], "finalizers": []}})
    assert (_there(bench, "owner"), _there(bench, "held")) == (False, False)


def test_orphans_stay_without_their_owner(bench: Bench) -> None:
    assert _delete(bench, "owner", "Orphan")["metadata"]["finalizers"] == ["orphan"]
    bench.controllers.settle()
    assert not _there(bench, "owner")
    assert "ownerReferences" not in bench.get("v1", "ConfigMap", "owned")["metadata"]


@pytest.mark.parametrize("again", [lambda bench: None, Bench.begin])
def test_who_has_another_owner_stays(bench: Bench, again: Callable[[Bench], None]) -> None:
    """Also where the process ended before the collector had looked."""
    bench.put(_map("other"))
    both = _map("owned", "owner", bench)
    both["metadata"]["ownerReferences"] += _map("owned", "other", bench)["metadata"]["ownerReferences"]
    bench.put(both)
    _delete(bench, "owner")
    again(bench)
    bench.controllers.settle()
    assert _there(bench, "owned")
    _delete(bench, "other")
    again(bench)
    bench.controllers.settle()
    assert not _there(bench, "owned")


def test_the_last_word_says_how_it_goes(bench: Bench) -> None:
    _delete(bench, "owner", "Foreground")
    assert _delete(bench, "owner", "Orphan")["metadata"]["finalizers"] == ["orphan"]
    assert _delete(bench, "owner")["metadata"]["finalizers"] == ["orphan"]
    bench.controllers.settle()
    assert (_there(bench, "owner"), _there(bench, "owned")) == (False, True)
