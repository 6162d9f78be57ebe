"""What is told of a refusal, where the real provider was seen to word it otherwise than most of its resources do."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from core.rehearsal.provider.batch import Batches
from core.rehearsal.provider.client import Google
from core.rehearsal.provider.errors import ApiError, ResourceFailed
from core.rehearsal.provider.operations import Operations
from core.rehearsal.provider.pace import Pace
from core.rehearsal.provider.resources import resource
from core.rehearsal.provider.session import Session

NOW = Pace(0)
DENIED = ApiError(403, json.dumps({"error": {"message": "Denied."}}))
ACCOUNT = "projects/demo-project/serviceAccounts/a@demo-project.iam.gserviceaccount.com"
FAILED = {"name": "op", "status": "DONE", "error": {"errors": [{"message": "Out of luck."}]}}
MEMBER = {"role": "roles/viewer", "member": "user:you@example.com"}


class _Answering(Google):
    """Gives every call the same answer, or raises it."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def call(self, service: str, method: str, path: str, **_: Any) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def _session(answer: Any) -> Session:
    google, stop = _Answering(answer), threading.Event()
    return Session(
        project="demo-project", region="", zone="", default_labels={}, attribution=False, proactive=False, google=google,
        pace=NOW, stop=stop, operations=Operations(google, NOW, stop), edits=Batches(NOW),
    )  # fmt: skip


def _state(type: str, **given: Any) -> dict[str, Any]:
    return {**resource(type).block.empty(), **given}


def test_a_service_account_stands_in_single_quotes() -> None:
    type = "google_service_account_iam_member"
    state = _state(type, service_account_id=ACCOUNT, **MEMBER)
    with pytest.raises(ResourceFailed) as read:
        resource(type).read(_session(DENIED), state)
    assert f"""Resource "service account '{ACCOUNT}'" with IAM Member""" in str(read.value)
    assert f"Error retrieving IAM policy for service account '{ACCOUNT}': googleapi" in str(read.value)
    with pytest.raises(ResourceFailed, match=f"Error applying IAM policy for service account '{ACCOUNT}': Error setting"):
        resource(type).delete(_session(DENIED), state)


def test_a_change_of_a_projects_policy_is_named_as_a_request() -> None:
    type = "google_project_iam_member"
    state = _state(type, project="demo-project", **MEMBER)
    with pytest.raises(ResourceFailed) as deleted:
        resource(type).delete(_session(DENIED), state)
    about = 'Resource demo-project for IAM Member (role "user:you@example.com", "roles/viewer")'
    request = 'Delete IAM Members roles/viewer user:you@example.com for "project \\"demo-project\\""'
    assert str(deleted.value).startswith(
        f"Error when reading or editing {about}: Request `{request}` returned error: Error applying IAM policy"
    )
    with pytest.raises(ResourceFailed) as made:
        resource(type).create(_session(DENIED), state, {})
    request = 'Create IAM Members roles/viewer user:you@example.com for project "demo-project"'
    assert str(made.value).startswith(f"Request `{request}` returned error: Error applying IAM policy")


def test_a_member_of_a_project_that_is_gone_is_no_error() -> None:
    type = "google_project_iam_member"
    resource(type).delete(_session(ApiError(404, "{}")), _state(type, project="demo-project", **MEMBER))


def test_a_database_whose_deletion_fails_is_named_and_one_that_is_not_changed_is_not() -> None:
    type = "google_sql_database_instance"
    state = _state(type, name="database", project="demo-project", id="database")
    with pytest.raises(ResourceFailed) as deleted:
        resource(type).delete(_session(FAILED), state)
    assert str(deleted.value) == "Error, failed to delete instance database: Error waiting for Delete Instance: Out of luck."
    told = resource(type).not_changed(state, DENIED)
    assert told == "Error, failed to update instance settings for : googleapi: Error 403: Denied."
