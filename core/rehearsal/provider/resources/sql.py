"""``google_sql_database_instance``: a creation that fails is dropped from the state, and no wait looks at a request to stop.

After the creation the user ``root@%``, which comes without a password, is deleted; only then, so an imported instance keeps
it. A write-only password goes to the API and nowhere else.
"""

from __future__ import annotations

from core.rehearsal.provider.client import Json
from core.rehearsal.provider.convert import expand
from core.rehearsal.provider.errors import ResourceFailed, WaitFailed
from core.rehearsal.provider.resources.base import FAILURES, Resource
from core.rehearsal.provider.resources.pool import unique_name
from core.rehearsal.provider.session import Session
from core.rehearsal.provider.values import State

PROTECTED = (
    "Error, failed to delete instance because deletion_protection is set to true. "
    "Set it to false to proceed with instance deletion"
)


class SqlInstance(Resource):
    """See the module."""

    label, service = "Instance", "sql"
    collection = "projects/{project}/instances"
    path = "projects/{project}/instances/{name}"
    id = "{name}"
    imports = ("projects/{project}/instances/{name}", "{project}/{name}", "{name}")
    imported_values = {"deletion_protection": True}  # noqa: RUF012
    timeout_minutes = 90.0
    timeouts_alone = True

    def create(self, session: Session, plan: State, config: State) -> State:
        state = self.settled(plan)
        if not state.get("name"):
            state["name"] = unique_name("terraform-")
        values = self.values(session, state)
        state["region"], state["project"], state["id"] = values["region"], values["project"], self.id.format_map(values)
        body = {**self._body(state), "region": values["region"]}
        written_only = config.get("root_password_wo") if state.get("root_password_wo_version") else None
        password = written_only or state.get("root_password")
        if password:
            body["rootPassword"] = password
        try:
            answer = session.google.call("sql", "POST", self.collection.format_map(values), body=body)
        except FAILURES as error:
            raise ResourceFailed(f"Error, failed to create instance {state['name']}: {error}") from error
        try:
            session.operations.sql(values["project"], answer, "Create Instance", self.timeout(state, "create"))
        except WaitFailed as failed:
            raise ResourceFailed(str(failed)) from failed
        self._delete_open_root(session, state, values)
        return self.read_again(session, state)

    def finish(self, session: Session, found: State, answer: Json, prior: State) -> State | None:
        chosen = [s.get("availability_type") for s in prior.get("settings") or []]
        for settings, choice in zip(found["settings"], chosen, strict=False):
            settings["availability_type"] = choice
        addresses = answer.get("ipAddresses", [])
        by_type = {a.get("type"): a.get("ipAddress") for a in reversed(addresses)}
        found["first_ip_address"] = addresses[0].get("ipAddress") if addresses else ""
        found["private_ip_address"], found["public_ip_address"] = by_type.get("PRIVATE", ""), by_type.get("PRIMARY", "")
        return super().finish(session, found, answer, prior)

    def change(self, session: Session, prior: State, state: State, changes: set[str], config: State) -> None:
        values = self.values(session, state)
        body = {k: v for k, v in self._body(state).items() if k in ("instanceType", "settings")}
        current = self.fetch(session, values) or {}
        body.setdefault("settings", {})["settingsVersion"] = (current.get("settings") or {}).get("settingsVersion")
        answer = session.google.call("sql", "PUT", self.path.format_map(values), body=body)
        session.operations.sql(values["project"], answer, "Update Instance", self.timeout(state, "update"))

    def _body(self, state: State) -> Json:
        body = expand(self.block, state)
        body.pop("project", None)
        for settings in state.get("settings") or []:
            for backups in settings["backup_configuration"] or []:
                if backups.get("backup_tier"):
                    body["settings"]["backupConfiguration"]["backupTier"] = backups["backup_tier"]
        addresses = body.get("settings", {}).get("ipConfiguration")
        if addresses is not None:
            addresses["requireSsl"] = None
        return body

    def update(self, session: Session, prior: State, plan: State, config: State) -> State:
        found = super().update(session, prior, plan, config)
        if prior.get("root_password_wo_version") != plan.get("root_password_wo_version") and config.get("root_password_wo"):
            self._set_root_password(session, found, str(config["root_password_wo"]))
        return found

    def delete(self, session: Session, state: State) -> None:
        if state.get("deletion_protection"):
            raise ResourceFailed(PROTECTED, state)
        super().delete(session, state)

    def not_read(self, state: State, error: Exception) -> str:
        return f'Error when reading or editing SQL Database Instance "{state["name"]}": {error}'

    def not_changed(self, prior: State, error: Exception) -> str:
        return f"Error, failed to update instance settings for : {error}"  # the real provider forgets the name

    def not_deleted(self, state: State, error: Exception) -> str:
        return f"Error, failed to delete instance {state['name']}: {error}"

    def deletion_failed(self, state: State, failed: WaitFailed) -> str:
        return self.not_deleted(state, failed)

    def remove(self, session: Session, state: State, values: dict[str, str]) -> Json:
        return session.google.call("sql", "DELETE", self.path.format_map(values), query={"finalBackupDescription": ""})

    def wait(self, session: Session, values: dict[str, str], answer: Json, activity: str, timeout: float) -> None:
        session.operations.sql(values["project"], answer, activity.replace("Deleting", "Delete"), timeout)

    def _delete_open_root(self, session: Session, state: State, values: dict[str, str]) -> None:
        path = self.path.format_map(values) + "/users"
        try:
            users = session.google.call("sql", "GET", path).get("items", [])
        except FAILURES as error:
            told = f"Error, attempting to list users associated with instance {state['name']}: {error}"
            raise ResourceFailed(told, state) from error
        try:
            if any(u.get("name") == "root" and u.get("host") == "%" for u in users):
                answer = session.google.call("sql", "DELETE", path, query={"host": "%", "name": "root"})
                session.operations.sql(values["project"], answer, "Delete default root User", self.timeout(state, "create"))
        except (*FAILURES, WaitFailed) as error:
            raise ResourceFailed(
                f"Error, failed to delete default 'root'@'*' u, but the database was created successfully: {error}", state
            ) from error

    def _set_root_password(self, session: Session, state: State, password: str) -> None:
        values = self.values(session, state)
        path = self.path.format_map(values) + "/users"
        try:
            answer = session.google.call(
                "sql", "PUT", path, body={"name": "root", "password": password}, query={"name": "root", "host": "%"}
            )
            session.operations.sql(values["project"], answer, "Update User", self.timeout(state, "update"))
        except (*FAILURES, WaitFailed) as error:
            raise ResourceFailed(f"Error, failed to update root password: {error}", state) from error
