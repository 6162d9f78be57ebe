"""``google_storage_bucket``: what is in it goes only with ``force_destroy``, every generation of it."""

from __future__ import annotations

import contextlib
from urllib.parse import quote

from core.rehearsal.provider.client import Json
from core.rehearsal.provider.convert import expand
from core.rehearsal.provider.errors import ApiError, ResourceFailed
from core.rehearsal.provider.resources.base import FAILURES, Resource
from core.rehearsal.provider.session import Session
from core.rehearsal.provider.values import UNKNOWN, State

LIVE = {"LIVE": True, "ARCHIVED": False}
FLAGS = (
    "send_age_if_zero", "send_days_since_custom_time_if_zero", "send_days_since_noncurrent_time_if_zero",
    "send_num_newer_versions_if_zero",
)  # fmt: skip


class Bucket(Resource):
    """See the module."""

    label, service = "Bucket", "storage"
    collection = "b"
    path = "b/{name}"
    id = "{name}"
    imports = ("{project}/{name}", "{name}")
    imported_values = {"force_destroy": False}  # noqa: RUF012
    timeout_minutes = 4.0

    def customize(self, session: Session, prior: State | None, plan: State, config: State) -> None:
        super().customize(session, prior, plan, config)
        if prior is None and not config.get("project"):
            plan["project"] = UNKNOWN
        if isinstance(plan["location"], str):
            plan["location"] = plan["location"].upper()

    def create(self, session: Session, plan: State, config: State) -> State:
        project = self.values(session, plan)["project"]
        body = {**self.encode(session, self._body(plan), plan, config), "location": config["location"]}
        try:
            session.google.call("storage", "POST", self.collection, body=body, query={"project": project})
        except ApiError as error:
            raise ResourceFailed(str(error)) from error
        state = {**self.settled(plan), "id": plan["name"]}
        try:
            self.fetch(session, self.values(session, state))
        except FAILURES as error:
            raise ResourceFailed(f"Error reading bucket after creation: {error}", state) from error
        return self.read_again(session, state)

    def decode(self, session: Session, answer: Json, state: State) -> Json:
        return {**answer, "location": str(answer.get("location", "")).upper()}

    def finish(self, session: Session, found: State, answer: Json, prior: State) -> State | None:
        found["url"] = f"gs://{answer['name']}"
        if not found["project"] and answer.get("projectNumber"):
            found["project"] = session.google.call("compute", "GET", f"projects/{answer['projectNumber']}").get("name")
        found["enable_object_retention"] = (answer.get("objectRetention") or {}).get("mode") == "Enabled"
        planned = {id(c) for rule in prior.get("lifecycle_rule") or [] for c in rule["condition"]}
        rules = (answer.get("lifecycle") or {}).get("rule", [])
        for index, (rule, sent) in enumerate(zip(found["lifecycle_rule"], rules, strict=False)):
            for condition in (c for c in rule["condition"] if id(c) not in planned):
                live = (sent.get("condition") or {}).get("isLive")
                condition["with_state"] = "ANY" if live is None else "LIVE" if live else "ARCHIVED"
                condition.update(_flags(prior, index))
        return super().finish(session, found, answer, prior)

    def update(self, session: Session, prior: State, plan: State, config: State) -> State:
        state = self.settled(plan)
        if not self.changes(prior, state):
            session.google.call("storage", "PATCH", f"b/{state['name']}", body={})
        return super().update(session, prior, plan, config)

    def change(self, session: Session, prior: State, state: State, changes: set[str], config: State) -> None:
        full = self._body(state)
        tops = {(self.block.attributes.get(n) or self.block.blocks[n]).api[0] for n in changes}
        body: Json = {top: full.get(top) for top in tops}
        if "effective_labels" in changes:
            gone = set(prior.get("effective_labels") or {}) - set(state.get("effective_labels") or {})
            body["labels"] = {**(state.get("effective_labels") or {}), **dict.fromkeys(gone)}
        session.google.call("storage", "PATCH", f"b/{state['name']}", body=body)

    def not_read(self, state: State, error: Exception) -> str:
        return f'Error when reading or editing Storage Bucket "{state["name"]}": {error}'

    def not_changed(self, prior: State, error: Exception) -> str:
        return str(error)

    def not_deleted(self, state: State, error: Exception) -> str:
        return str(error)

    def remove(self, session: Session, state: State, values: dict[str, str]) -> Json:
        name = state["name"]
        with contextlib.suppress(ApiError):  # who may not list the caches has none to lose
            session.google.call("storage", "GET", f"b/{name}/anywhereCaches/")
        failed = self._emptied(session, state)
        try:
            return session.google.call("storage", "DELETE", f"b/{name}")
        except ApiError as error:
            if failed and error.status == 409 and "not empty" in error.message:
                raise ResourceFailed(f"could not delete non-empty bucket due to error when {failed}", state) from error
            raise

    def _emptied(self, session: Session, state: State) -> str:
        """Deletes what is in a bucket; answers what went wrong with it first, which only counts if the bucket then stays."""
        failed, query = "", {"versions": "true"}
        while True:
            try:
                page = session.google.call("storage", "GET", f"b/{state['name']}/o", query=query)
            except ApiError as error:
                return f"listing contents: {error}"
            if page.get("items") and not state.get("force_destroy"):
                told = f"Error trying to delete bucket {state['name']} without `force_destroy` set to true"
                raise ResourceFailed(told, state)
            for item in page.get("items", []):
                path = f"b/{state['name']}/o/{quote(item['name'], safe='')}"
                try:
                    session.google.call("storage", "DELETE", path, query={"generation": str(item["generation"])})
                except ApiError as error:
                    failed = failed or f"deleting contents: {error}"
            if not page.get("nextPageToken"):
                return failed
            query["pageToken"] = page["nextPageToken"]

    def _body(self, state: State) -> Json:
        body = expand(self.block, state)
        rules = state.get("lifecycle_rule")
        for rule, sent in zip(
            rules if isinstance(rules, list) else [], body.get("lifecycle", {}).get("rule", []), strict=False
        ):
            condition = rule["condition"][0]
            if condition.get("with_state") in LIVE:
                sent.setdefault("condition", {})["isLive"] = LIVE[condition["with_state"]]
        return body


def _flags(prior: State, index: int) -> State:
    """The provider's own flags of the rule that stood at a place."""
    rules = prior.get("lifecycle_rule")
    if not isinstance(rules, list) or index >= len(rules) or not rules[index].get("condition"):
        return dict.fromkeys(FLAGS, False)
    return {k: bool(rules[index]["condition"][0].get(k)) for k in FLAGS}
