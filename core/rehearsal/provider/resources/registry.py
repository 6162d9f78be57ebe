"""Artifact Registry repositories, and Secret Manager's secrets and versions."""

from __future__ import annotations

import base64

from core.rehearsal.provider.client import Json
from core.rehearsal.provider.convert import expand, flatten
from core.rehearsal.provider.errors import ResourceFailed
from core.rehearsal.provider.resources.base import FAILURES, Resource
from core.rehearsal.provider.session import Session
from core.rehearsal.provider.values import State


class Masked(Resource):
    """A resource whose update names the changed fields in a mask."""

    def update_params(self, changes: set[str]) -> dict[str, str]:
        tops = {(self.block.attributes.get(n) or self.block.blocks[n]).api for n in changes if n != "cleanup_policies"}
        names = {path[0] for path in tops} | ({"cleanupPolicies"} if "cleanup_policies" in changes else set())
        return {"updateMask": ",".join(sorted(names))}

    def partial(self, session: Session, prior: State, state: State, changes: set[str], config: State) -> Json:
        """Everything that may be changed, whatever was: the mask says what counts."""
        full = self.encode(session, expand(self.block, state), state, config)
        fixed = {a.api[0] for a in self.block.arguments() if a.api and a.force_new}
        return {k: v for k, v in full.items() if k not in fixed}


class Repository(Masked):
    """``google_artifact_registry_repository``: its cleanup policies are a map by id in the API."""

    label, kind, service = "Repository", "ArtifactRegistryRepository", "artifact_registry"
    collection = "projects/{project}/locations/{location}/repositories"
    path = id = "projects/{project}/locations/{location}/repositories/{repository_id}"
    imports = (
        "projects/{project}/locations/{location}/repositories/{repository_id}",
        "{project}/{location}/{repository_id}",
        "{location}/{repository_id}",
        "{repository_id}",
    )
    create_params = {"repository_id": "repository_id"}  # noqa: RUF012

    def values(self, session: Session, state: State) -> dict[str, str]:
        found = super().values(session, state)
        found.setdefault("location", session.region)
        return found

    def encode(self, session: Session, body: Json, plan: State, config: State) -> Json:
        block = self.block.blocks["cleanup_policies"].block
        policies = plan.get("cleanup_policies") or []
        sent = {p["id"]: expand(block, p) for p in policies}
        body["cleanupPolicies"] = {name: {k: v for k, v in p.items() if k != "id"} for name, p in sent.items()}
        return body

    def finish(self, session: Session, found: State, answer: Json, prior: State) -> State | None:
        block = self.block.blocks["cleanup_policies"].block
        policies = answer.get("cleanupPolicies") or {}
        found["cleanup_policies"] = [flatten(block, {"id": name, **p}, {}) for name, p in policies.items()]
        if not found.get("location"):
            found["location"] = session.region
        return super().finish(session, found, answer, prior)

    def changes(self, prior: State, state: State) -> set[str]:
        found = super().changes(prior, state)
        return found | {"cleanup_policies"} if prior.get("cleanup_policies") != state.get("cleanup_policies") else found

    def partial(self, session: Session, prior: State, state: State, changes: set[str], config: State) -> Json:
        body = super().partial(session, prior, state, changes, config)
        for scanning in state.get("vulnerability_scanning_config") or []:
            body.setdefault("vulnerabilityScanningConfig", {})["enablementState"] = scanning["enablement_state"]
        return body

    def wait(self, session: Session, values: dict[str, str], answer: Json, activity: str, timeout: float) -> None:
        if "/operations/" in str(answer.get("name", "")):
            session.operations.common("artifact_registry", answer, activity, timeout)


class Secret(Masked):
    """``google_secret_manager_secret``."""

    label, kind, service = "Secret", "SecretManagerSecret", "secret_manager"
    collection = "projects/{project}/secrets"
    path = id = "projects/{project}/secrets/{secret_id}"
    imports = ("projects/{project}/secrets/{secret_id}", "{project}/{secret_id}", "{secret_id}")
    create_params = {"secret_id": "secretId"}  # noqa: RUF012

    def delete(self, session: Session, state: State) -> None:
        if state.get("deletion_protection"):
            raise ResourceFailed(
                "cannot destroy secret without setting deletion_protection=false and running `terraform apply`", state
            )
        super().delete(session, state)


class SecretVersion(Resource):
    """``google_secret_manager_secret_version``: a payload that was given write-only is never read back."""

    label, kind, service = "SecretVersion", "SecretManagerSecretVersion", "secret_manager"
    path = "{name}"
    id = "{name}"
    imports = ("projects/{project}/secrets/{secret}/versions/{version}",)

    def create(self, session: Session, plan: State, config: State) -> State:
        data = str(config.get("secret_data_wo") or config.get("secret_data"))
        payload = data if plan.get("is_secret_data_base64") else base64.b64encode(data.encode()).decode()
        try:
            answer = session.google.call(
                "secret_manager", "POST", f"{plan['secret']}:addVersion", body={"payload": {"data": payload}}
            )
        except FAILURES as error:
            raise ResourceFailed(f"Error creating SecretVersion: {error}") from error
        state = {**self.settled(plan), "id": answer["name"], "name": answer["name"]}
        if state.get("enabled") is False:
            session.google.call("secret_manager", "POST", f"{answer['name']}:disable", body={})
        return self.read_again(session, state)

    def finish(self, session: Session, found: State, answer: Json, prior: State) -> State | None:
        if answer.get("state") == "DESTROYED":
            return None
        found["enabled"] = answer.get("state") == "ENABLED"
        found["version"] = str(answer["name"]).rpartition("/")[2]
        found["secret"] = prior.get("secret") or str(answer["name"]).partition("/versions/")[0]
        if prior.get("secret_data") is not None and found["enabled"]:
            sent = session.google.call("secret_manager", "GET", f"{answer['name']}:access")["payload"]["data"]
            found["secret_data"] = sent if prior.get("is_secret_data_base64") else base64.b64decode(sent).decode()
        return super().finish(session, found, answer, prior)

    def update(self, session: Session, prior: State, plan: State, config: State) -> State:
        if prior.get("enabled") != plan.get("enabled"):
            session.google.call(
                "secret_manager", "POST", f"{prior['name']}:{'enable' if plan['enabled'] else 'disable'}", body={}
            )
        return self.read_again(session, self.settled(plan))

    def remove(self, session: Session, state: State, values: dict[str, str]) -> Json:
        return session.google.call("secret_manager", "POST", f"{state['name']}:destroy", body={})

    def imported(self, session: Session, given: str) -> State:
        secret, found, version = given.partition("/versions/")
        if not found or not secret.startswith("projects/"):
            raise ResourceFailed(f'Import id "{given}" doesn\'t match any of the accepted formats: [{self.imports[0]}]')
        return {
            **self.block.empty(),
            "id": given,
            "name": given,
            "secret": secret,
            "version": version,
            "deletion_policy": "DELETE",
        }
