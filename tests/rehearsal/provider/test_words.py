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


class _Scripted(_Answering):
    """Answers by method and path, the last one ever again; what is an error is raised."""

    def __init__(self, **answers: list[Any]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    def call(self, service: str, method: str, path: str, **_: Any) -> Any:
        asked = f"{method} {path}"
        self.asked.append(asked)
        found = next(a for name, a in self.answers.items() if asked.startswith(name))
        answer = found.pop(0) if len(found) > 1 else found[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def _scripted(answers: dict[str, list[Any]]) -> tuple[Session, _Scripted]:
    google = _Scripted(**answers)
    session = _session({})
    session.google = google
    session.operations = Operations(google, NOW, session.stop)
    return session, google


def _unwritable() -> Session:
    """Policies that may be read, and not be written."""
    owners, ways = ("projects/demo-project", ACCOUNT), {"get": {}, "set": DENIED}
    session, _ = _scripted({f"POST {o}:{way}IamPolicy": [answer] for o in owners for way, answer in ways.items()})
    return session


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
        resource(type).delete(_unwritable(), state)


def test_a_change_of_a_projects_policy_is_named_as_a_request() -> None:
    type = "google_project_iam_member"
    state = _state(type, project="demo-project", **MEMBER)
    with pytest.raises(ResourceFailed) as deleted:
        resource(type).delete(_unwritable(), state)
    about = 'Resource demo-project for IAM Member (role "user:you@example.com", "roles/viewer")'
    request = 'Delete IAM Members roles/viewer user:you@example.com for "project \\"demo-project\\""'
    assert str(deleted.value).startswith(
        f"Error when reading or editing {about}: Request `{request}` returned error: Error applying IAM policy"
    )
    with pytest.raises(ResourceFailed) as made:
        resource(type).create(_unwritable(), state, {})
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


CLUSTER = "projects/demo-project/locations/us-central1-a/clusters/c"
DONE = {"name": "op", "status": "DONE"}


def test_a_cluster_that_is_not_deleted_yet_is_asked_for_again_for_half_a_minute() -> None:
    state = _state("google_container_cluster", name="c", project="demo-project", location="us-central1-a", id=CLUSTER)
    rest = {"status": "RUNNING"}
    session, google = _scripted({"GET": [rest], "DELETE": [DENIED, DENIED, DONE]})
    resource("google_container_cluster").delete(session, state)
    assert google.asked.count(f"DELETE {CLUSTER}") == 3

    session, google = _scripted({"GET": [rest], "DELETE": [DENIED]})
    with pytest.raises(ResourceFailed, match=r"^Error deleting Cluster: googleapi: Error 403: Denied\.$"):
        resource("google_container_cluster").delete(session, state)
    assert 4 < google.asked.count(f"DELETE {CLUSTER}") < 10


def _refused_pool(reason: str, times: int) -> tuple[list[str], str]:
    """What is asked where the creation of a pool is refused so, and what is told at last."""
    type = "google_container_node_pool"
    error = {"message": "No.", "errors": [{"message": "No.", "reason": reason}], "status": "FAILED_PRECONDITION"}
    refused = ApiError(400, json.dumps({"error": error}))
    session, google = _scripted({"GET": [ApiError(404, "{}")], "POST": [*[refused] * times, DENIED]})
    with pytest.raises(ResourceFailed) as failed:
        resource(type).create(session, _state(type, name="p", cluster=CLUSTER, node_config=[]), {})
    return google.asked, str(failed.value)


def test_a_pool_waits_for_a_cluster_that_is_busy_and_for_nothing_else() -> None:
    asked, told = _refused_pool("failedPrecondition", 3)
    assert [a for a in asked if a.startswith("POST")] == [f"POST {CLUSTER}/nodePools"] * 4
    assert told == "error creating NodePool: googleapi: Error 403: Denied."
    _, told = _refused_pool("badRequest", 3)
    assert told == "error creating NodePool: googleapi: Error 400: No., badRequest"


def test_a_policy_that_may_not_be_read_is_not_told_as_one_that_may_not_be_written() -> None:
    type = "google_storage_bucket_iam_member"
    session, _ = _scripted({"GET": [DENIED]})
    with pytest.raises(ResourceFailed) as failed:
        resource(type).create(session, _state(type, bucket="b", **MEMBER), {})
    assert str(failed.value) == 'Error retrieving IAM policy for storage bucket "b/b": googleapi: Error 403: Denied.'


def test_a_policy_that_others_keep_changing_is_given_up() -> None:
    type = "google_storage_bucket_iam_member"
    changed = ApiError(412, json.dumps({"error": {"message": "Changed."}}))
    session, google = _scripted({"GET": [{}], "PUT": [changed]})
    with pytest.raises(ResourceFailed) as failed:
        resource(type).create(session, _state(type, bucket="b", **MEMBER), {})
    assert str(failed.value) == (
        'Error applying IAM policy to storage bucket "b/b": Too many conflicts.  Latest error: '
        'Error setting IAM policy for storage bucket "b/b": googleapi: Error 412: Changed.'
    )
    assert google.asked.count("PUT b/b/iam") == 5


def test_a_database_whose_users_are_not_listed_is_kept_as_tainted() -> None:
    type = "google_sql_database_instance"
    session, _ = _scripted({"POST": [DONE], "GET": [DENIED]})
    with pytest.raises(ResourceFailed) as failed:
        resource(type).create(session, _state(type, name="d", project="demo-project", region="us-central1"), {})
    told = "Error, attempting to list users associated with instance d: googleapi: Error 403: Denied."
    assert str(failed.value) == told
    assert failed.value.state is not None


def test_what_was_made_and_can_not_be_read_is_kept_as_tainted() -> None:
    type, network = "google_compute_network", {"name": "n", "project": "demo-project"}
    session, _ = _scripted({"POST": [DONE], "GET": [DENIED]})
    with pytest.raises(ResourceFailed, match=r"^Error when reading or editing ComputeNetwork ") as failed:
        resource(type).create(session, _state(type, **network), {})
    assert failed.value.state is not None
    assert failed.value.state["id"] == "projects/demo-project/global/networks/n"

    type, session = "google_storage_bucket", _scripted({"POST": [{}], "GET": [DENIED]})[0]
    with pytest.raises(ResourceFailed, match=r"^Error reading bucket after creation: googleapi: Error 403") as failed:
        resource(type).create(session, _state(type, name="b", location="US"), {"location": "US"})
    assert failed.value.state is not None


def test_a_bucket_that_is_not_empty_is_not_deleted() -> None:
    state = _state("google_storage_bucket", name="b", force_destroy=False)
    session, _ = _scripted({"GET": [{"items": [{"name": "o", "generation": "1"}]}]})
    with pytest.raises(ResourceFailed, match=r"^Error trying to delete bucket b without `force_destroy` set to true$"):
        resource("google_storage_bucket").delete(session, state)


def test_a_bucket_whose_objects_are_not_listed_is_deleted_if_it_is_empty() -> None:
    state = _state("google_storage_bucket", name="b", force_destroy=True)
    session, google = _scripted({"GET b/b/o": [DENIED], "GET": [{}], "DELETE": [{}]})
    resource("google_storage_bucket").delete(session, state)
    assert "DELETE b/b" in google.asked

    full = ApiError(409, json.dumps({"error": {"message": "The bucket you tried to delete is not empty."}}))
    session, _ = _scripted({"GET b/b/o": [DENIED], "GET": [{}], "DELETE": [full]})
    with pytest.raises(ResourceFailed) as failed:
        resource("google_storage_bucket").delete(session, state)
    listing = "could not delete non-empty bucket due to error when listing contents: googleapi: Error 403: Denied."
    assert str(failed.value) == listing
