"""What went away or was changed behind the environment's back comes back, and nothing else is touched."""

from __future__ import annotations

from typing import Any


def test_exactly_what_differs_is_mended(installed: Any, select: Any) -> None:
    names = installed.environment.names
    project = f"cloudresourcemanager/v1/projects/{names.project}"
    installed.kubectl("delete", "deployment", "ml-pipeline-ui", "-n", "kubeflow")
    policy = installed.api("POST", f"{project}:getIamPolicy", {})
    member = f"serviceAccount:{names.account_email(names.pipelines_account_id)}"
    for binding in policy["bindings"]:
        if binding["role"] == "roles/bigquery.jobUser":
            binding["members"].remove(member)
    policy["bindings"] = [b for b in policy["bindings"] if b["members"]]
    installed.api("POST", f"{project}:setIamPolicy", {"policy": policy})
    bucket = f"storage/storage/v1/b/{names.artifact_bucket}"
    installed.api("PATCH", bucket, {"versioning": {"enabled": not installed.api("GET", bucket)["versioning"]["enabled"]}})

    events = installed.install()
    changed = {
        (e["kind"], e["id"].split(".")[-1].split("/")[-1], e["action"])
        for e in select(events, "resource.changed")
        if e["state"] == "done" and e["action"] != "read"
    }
    kinds = sorted((kind, action) for kind, _, action in changed)
    assert kinds == [
        ("Deployment", "create"),
        ("google_project_iam_member", "create"),
        ("google_storage_bucket", "update"),
    ], changed
    assert events[-1]["changed"] is True
