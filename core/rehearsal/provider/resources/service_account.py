"""``google_service_account``: after making one the real provider waits, since nothing knows a new account at once."""

from __future__ import annotations

from core.rehearsal.provider.client import Json
from core.rehearsal.provider.errors import ApiError, ResourceFailed
from core.rehearsal.provider.resources.base import FAILURES, Resource
from core.rehearsal.provider.session import Session
from core.rehearsal.provider.values import State

SETTLING = 10.0


class ServiceAccount(Resource):
    """See the module."""

    label, kind, service = "service account", "Service Account", "iam"
    collection = "projects/{project}/serviceAccounts"
    path = id = "projects/{project}/serviceAccounts/{email}"
    imports = ("projects/{project}/serviceAccounts/{email}", "{project}/{email}", "{email}")
    timeout_minutes = 5.0

    def customize(self, session: Session, prior: State | None, plan: State, config: State) -> None:
        super().customize(session, prior, plan, config)
        account, project = plan["account_id"], plan["project"]
        if isinstance(account, str) and isinstance(project, str) and (prior is None or prior["account_id"] != account):
            plan["email"] = f"{account}@{project}.iam.gserviceaccount.com"
            plan["member"] = f"serviceAccount:{plan['email']}"

    def create(self, session: Session, plan: State, config: State) -> State:
        state = self.settled(plan)
        project = self.values(session, state)["project"]
        state["email"] = f"{state['account_id']}@{project}.iam.gserviceaccount.com"
        state["id"] = f"projects/{project}/serviceAccounts/{state['email']}"
        account = {k: state[f] for k, f in (("displayName", "display_name"), ("description", "description")) if state.get(f)}
        body = {"accountId": state["account_id"], "serviceAccount": account}
        try:
            session.google.call("iam", "POST", self.collection.format(project=project), body=body)
        except FAILURES as error:
            ignored = state.get("create_ignore_already_exists") and isinstance(error, ApiError) and error.status == 409
            if not ignored:
                raise ResourceFailed(f"Error creating service account: {error}") from error
        session.pace.sleep(SETTLING)
        if state.get("disabled"):
            session.google.call("iam", "POST", f"{state['id']}:disable", body={})
        return self.read_again(session, state)

    def finish(self, session: Session, found: State, answer: Json, prior: State) -> State | None:
        email = str(answer.get("email"))
        found["account_id"], found["member"] = email.partition("@")[0], f"serviceAccount:{email}"
        found["project"] = answer.get("projectId") or found.get("project") or session.project
        return super().finish(session, found, answer, prior)

    def not_changed(self, prior: State, error: Exception) -> str:
        return str(error)

    def not_deleted(self, state: State, error: Exception) -> str:
        return f"Error deleting service account: {error}"

    def change(self, session: Session, prior: State, state: State, changes: set[str], config: State) -> None:
        if "disabled" in changes:
            session.google.call("iam", "POST", f"{state['id']}:{'disable' if state['disabled'] else 'enable'}", body={})
        texts = {"display_name": "displayName", "description": "description"}
        sent = {texts[name]: state[name] or "" for name in sorted(changes & texts.keys())}
        if sent:
            mask = ",".join({"displayName": "display_name"}.get(k, k) for k in sent)
            session.google.call("iam", "PATCH", state["id"], body={"serviceAccount": sent, "updateMask": mask})
