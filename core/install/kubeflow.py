"""Kubeflow Pipelines' API (v2beta1), as the UI's own server passes it on behind a port-forward.

Only what an installation has to ask: is it healthy, upload a pipeline, run it, and how did that go. What fails for a
moment (a pod that moved, a server that starts) is tried again here on the run's clock; a run whose creation got no answer
is looked for by its name before another one is made.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Self

from core.errors import PermanentError, TemporaryError
from core.run.clock import Clock

if TYPE_CHECKING:
    import aiohttp

API = "/apis/v2beta1"
TRIES = 10
ENDED = frozenset({"SUCCEEDED", "FAILED", "CANCELED", "SKIPPED"})


class Refused(PermanentError):
    """Raised when Kubeflow answers that it won't: ``status`` is HTTP's."""

    status = 0


class Kubeflow:
    """Kubeflow behind a local port; use it with ``async with``."""

    def __init__(self, port: int, clock: Clock) -> None:
        self.base = f"http://127.0.0.1:{port}"
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        import aiohttp

        timeout = aiohttp.ClientTimeout(total=60)
        self._session = aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def page(self, path: str = "/", *, origin: str = "") -> tuple[int, str]:
        """Status and text of a page of the UI, asked for as a browser does that shows it under ``origin``."""
        return await self._persevere("GET", path, _from(origin))

    async def health(self) -> dict[str, Any]:
        """What the UI says of itself and of the API server behind it; ``apiServerReady`` is what counts."""
        answer: dict[str, Any] = await self._json("GET", f"{API}/healthz")
        return answer

    async def takes_posts(self, *, origin: str = "") -> bool:
        """Whether a POST reaches the API server: one that asks for nothing must be refused by it, as a bad request."""
        status, _ = await self._persevere("POST", f"{API}/runs", {"json": {}, **_from(origin)})
        return status == 400

    async def upload(self, name: str, version: str, document: bytes) -> tuple[str, str]:
        """Ids of the pipeline and of its version of these names, uploaded if they are not there."""
        pipeline = await self._named("pipelines", name)
        if pipeline is None:
            path = f"{API}/pipelines/upload"
            await self._post_file(path, {"name": name, "display_name": name}, document)
            pipeline = await self._named("pipelines", name)
            if pipeline is None:
                raise TemporaryError(f"The pipeline {name} was uploaded and is not listed.", code="kubeflow-upload", delay=5)
        id = str(pipeline["pipeline_id"])
        versions = f"pipelines/{id}/versions"
        found = await self._named(versions, version)
        if found is None:
            params = {"name": version, "display_name": version, "pipelineid": id}
            await self._post_file(f"{API}/pipelines/upload_version", params, document)
            found = await self._named(versions, version)
            if found is None:
                raise TemporaryError(
                    f"The version {version} was uploaded and is not listed.", code="kubeflow-upload", delay=5
                )
        return id, str(found["pipeline_version_id"])

    async def run(self, name: str, pipeline: str, version: str, parameters: Mapping[str, str]) -> str:
        """Starts a run and returns its id; one of that (unique) name that is there already is taken."""
        body = {
            "display_name": name,
            "pipeline_version_reference": {"pipeline_id": pipeline, "pipeline_version_id": version},
            "runtime_config": {"parameters": dict(parameters)},
        }
        for _ in range(TRIES):
            try:
                answer = await self._json("POST", f"{API}/runs", tries=1, json=body)
                return str(answer["run_id"])
            except TemporaryError:
                found = await self._named("runs", name)
                if found is not None:
                    return str(found["run_id"])
                await self._clock.sleep(5)
        raise TemporaryError(f"The run {name} could not be started.", code="kubeflow-run", delay=10)

    async def ended(self, run: str, on_state: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
        """The run once it has ended, well or not; ``on_state`` is told of each state on the way."""
        state, pause = "", 1.0
        while True:
            found: dict[str, Any] = await self._json("GET", f"{API}/runs/{run}")
            if found.get("state") != state:
                state = str(found.get("state", ""))
                on_state(state)
            if state in ENDED:
                return found
            await self._clock.sleep(pause)
            pause = min(5.0, pause * 1.3)

    async def recurring(self) -> list[dict[str, Any]]:
        """The recurring runs that Kubeflow holds."""
        answer = await self._json("GET", f"{API}/recurringruns", params={"page_size": "100"})
        return list(answer.get("recurringRuns") or [])

    async def _named(self, collection: str, name: str) -> dict[str, Any] | None:
        kind = collection.rpartition("/")[2]
        field = "pipeline_versions" if kind == "versions" else kind
        token = ""
        while True:
            params = {"page_size": "100", "sort_by": "created_at desc", **({"page_token": token} if token else {})}
            answer = await self._json("GET", f"{API}/{collection}", params=params)
            for item in answer.get(field) or []:
                if name in (item.get("name"), item.get("display_name")):
                    return dict(item)
            token = answer.get("next_page_token", "")
            if not token:
                return None

    async def _post_file(self, path: str, params: Mapping[str, str], document: bytes) -> None:
        """Uploads a pipeline; one that is there already (409, or an answer that was lost) is no error."""
        import aiohttp

        def form() -> aiohttp.FormData:
            data = aiohttp.FormData()
            data.add_field("uploadfile", document, filename="pipeline.yaml", content_type="application/octet-stream")
            return data

        status, text = await self._persevere("POST", path, {"params": params}, form=form)
        if status != 409:
            _decoded(path, status, text)

    async def _json(self, method: str, path: str, *, tries: int = TRIES, **options: Any) -> Any:
        return _decoded(path, *await self._persevere(method, path, options, tries=tries))

    async def _persevere(
        self,
        method: str,
        path: str,
        options: Mapping[str, Any],
        *,
        tries: int = TRIES,
        form: Callable[[], aiohttp.FormData] | None = None,
    ) -> tuple[int, str]:
        for attempt in range(1, tries + 1):
            cause = ""
            try:
                status, text = await self._once(method, path, options, form)
                if status < 500 and status != 429:
                    return status, text
                cause = f"{status}: {text[:300]}"
            except (TimeoutError, OSError, EOFError) as error:
                cause = str(error) or type(error).__name__
            if attempt < tries:
                await self._clock.sleep(min(10.0, 2.0**attempt / 2))
        raise TemporaryError(f"Kubeflow did not answer {method} {path}.", code="kubeflow-unavailable", cause=cause, delay=5)

    async def _once(
        self, method: str, path: str, options: Mapping[str, Any], form: Callable[[], aiohttp.FormData] | None
    ) -> tuple[int, str]:
        import aiohttp

        assert self._session is not None
        data = form() if form is not None else None
        try:
            async with self._session.request(method, self.base + path, data=data, **options) as response:
                return response.status, await response.text()
        except aiohttp.ClientError as error:
            raise EOFError(str(error) or type(error).__name__) from error


def _from(origin: str) -> dict[str, Any]:
    return {"headers": {"Origin": origin}} if origin else {}


def _decoded(path: str, status: int, text: str) -> Any:
    if status >= 400:
        error = Refused(f"Kubeflow refused {path}: {status}.", code=f"kubeflow-{status}", cause=_said(text))
        error.status = status
        raise error
    try:
        return json.loads(text) if text else {}
    except ValueError as error:
        raise Refused(f"Kubeflow's answer to {path} is not JSON.", code="kubeflow-answer", cause=text[:200]) from error


def _said(text: str) -> str:
    try:
        body = json.loads(text)
    except ValueError:
        return text[:500]
    return str(body.get("error_message") or body.get("message") or body.get("error") or text)[:800]
