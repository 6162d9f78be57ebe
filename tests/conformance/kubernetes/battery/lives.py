"""The life of an object of each kind: made, made again, read, listed, changed in every way, refused, deleted, and gone."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from tests.conformance.kubernetes.battery.samples import RICH_DEPLOYMENT, RICH_POD, SAMPLES, Obj, Sample
from tests.conformance.kubernetes.side import APPLY, JSON_PATCH, MERGE, STRATEGIC, TABLE, Scenario, Side

LONG = "x" * 254


def scenarios() -> Iterator[tuple[str, Scenario]]:
    """A life for each sample."""
    for sample in SAMPLES:
        yield f"life of a {sample.kind}", partial(_life, sample)
    yield "life of a rich Deployment", partial(_life, RICH_DEPLOYMENT)
    yield "life of a rich Pod", partial(_life, RICH_POD)


async def namespace(side: Side, name: str) -> str:
    """A namespace with an account for its pods, as the controllers would have left it."""
    await side.tell("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    for account in ("default", "runner"):
        await side.tell("POST", f"/api/v1/namespaces/{name}/serviceaccounts", {"metadata": {"name": account}})
    return name


async def _life(sample: Sample, side: Side) -> None:
    home = await namespace(side, f"life-{sample.plural}-{len(str(sample.body)) > 800}".lower())
    path, name = sample.path(home), "sample"
    one = f"{path}/{name}"
    obj = sample.object(name)
    await _made(side, sample, path, one, obj)
    await _read(side, path, one)
    await _changed(side, sample, one, obj)
    await _refused(side, sample, path, one, obj)
    await _deleted(side, path, one)


async def _made(side: Side, sample: Sample, path: str, one: str, obj: Obj) -> None:
    await side.ask("read before it is there", "GET", one)
    await side.ask("made as a dry run", "POST", path, obj, dryRun="All")
    await side.ask("still not there", "GET", one)
    await side.ask("made", "POST", path, obj, fieldManager="battery", fieldValidation="Strict")
    await side.ask("made again", "POST", path, obj)


async def _read(side: Side, path: str, one: str) -> None:
    await side.ask("read", "GET", one)
    await side.ask("read as a table", "GET", one, accept=TABLE)
    await side.ask("listed by its name", "GET", path, fieldSelector="metadata.name=sample")
    await side.ask("listed as a table", "GET", path, fieldSelector="metadata.name=sample", accept=TABLE)


async def _changed(side: Side, sample: Sample, one: str, obj: Obj) -> None:
    label = {"metadata": {"labels": {"battery": "1"}}}
    await side.ask("labelled by a merge", "PATCH", one, label, content=MERGE, fieldManager="battery")
    await side.ask("labelled again", "PATCH", one, label, content=MERGE, fieldManager="battery")
    note = {"metadata": {"annotations": {"note": "n", "gone": None}}}
    await side.ask("annotated", "PATCH", one, note, content=STRATEGIC, fieldManager="other")
    await side.ask("applied by another", "PATCH", one, obj, content=APPLY, fieldManager="another")
    await side.ask("applied again", "PATCH", one, obj, content=APPLY, fieldManager="another")
    steps = [{"op": "test", "path": "/metadata/labels/battery", "value": "1"}, {"op": "remove", "path": "/metadata/labels"}]
    await side.ask("unlabelled", "PATCH", one, steps, content=JSON_PATCH)
    await side.ask("unlabelled again", "PATCH", one, steps, content=JSON_PATCH)
    live = (await side.tell("GET", one)).body
    live["metadata"]["labels"] = {"put": "1"}
    await side.ask("put back", "PUT", one, live, fieldManager="battery")
    await side.ask("put back too late", "PUT", one, live)


async def _refused(side: Side, sample: Sample, path: str, one: str, obj: Obj) -> None:
    named = {"metadata": {"name": "fresh"}}
    unknown = {**obj, **named, "nonsense": 1}
    for mode in ("Strict", "Warn", "Ignore"):
        await side.ask(f"an unknown field, {mode}", "POST", path, unknown, fieldValidation=mode, dryRun="All")
    await side.ask("an unknown field, applied", "PATCH", one, {**obj, "nonsense": 1}, content=APPLY, fieldManager="a")
    await side.ask("an unknown field, merged", "PATCH", one, {"nonsense": 1}, content=MERGE, fieldValidation="Strict")
    await side.ask("mistyped", "POST", path, {**obj, **named, **sample.wrong})
    await side.ask("mistyped, applied", "PATCH", one, {**obj, **sample.wrong}, content=APPLY, fieldManager="a")
    await side.ask("a name that is too long", "POST", path, {**obj, "metadata": {"name": LONG}})
    await side.ask("a name in capitals", "POST", path, {**obj, "metadata": {"name": "Sample"}})
    await side.ask("no name", "POST", path, {**obj, "metadata": {}})
    await side.ask("another name than the path's", "PUT", one, {**obj, "metadata": {"name": "other"}})
    await side.ask("another kind than the path's", "POST", path, {**obj, "kind": "Nonsense"})
    await side.ask("another version than the path's", "POST", path, {**obj, "apiVersion": "nonsense/v1"})
    await side.ask("a wrong label", "PATCH", one, {"metadata": {"labels": {"a": "b c"}}}, content=MERGE)


async def _deleted(side: Side, path: str, one: str) -> None:
    wrong = {"preconditions": {"uid": "00000000-0000-0000-0000-000000000000"}}
    await side.ask("deleted by the wrong uid", "DELETE", one, wrong)
    await side.ask("deleted as a dry run", "DELETE", one, dryRun="All")
    at_once = {"gracePeriodSeconds": 0, "propagationPolicy": "Background"}
    await side.ask("deleted", "DELETE", one, at_once)
    await side.ask("read once it is gone", "GET", one)
    await side.ask("deleted again", "DELETE", one)
