"""The ``kfp`` SDK as its user has it: an experiment, a pipeline uploaded and run to its end, and what is left of it."""

from __future__ import annotations

import json
import sys
from typing import Any

import kfp

PATIENCE = 600


def main(url: str, pipeline: str, parameters: dict[str, str]) -> dict[str, Any]:
    """What was seen, in the order of a first day with it."""
    client = kfp.Client(host=url)
    seen: dict[str, Any] = {"health": client.get_kfp_healthz().multi_user}
    experiment = client.create_experiment("conformance", description="From the SDK.")
    seen["experiment"] = client.get_experiment(experiment_name="conformance").experiment_id == experiment.experiment_id
    seen["experiment again"] = client.create_experiment("conformance").experiment_id == experiment.experiment_id
    uploaded = client.upload_pipeline(pipeline, pipeline_name="conformance-hello", description="From a file.")
    seen["pipeline"] = client.get_pipeline_id("conformance-hello") == uploaded.pipeline_id
    versions = client.list_pipeline_versions(uploaded.pipeline_id).pipeline_versions
    more = client.upload_pipeline_version(pipeline, "second", pipeline_id=uploaded.pipeline_id)
    after = client.list_pipeline_versions(uploaded.pipeline_id).pipeline_versions
    seen["versions"] = [len(versions), len(after)]
    try:
        client.upload_pipeline(pipeline, pipeline_name="conformance-hello")
    except Exception as error:
        seen["pipeline again"] = getattr(error, "status", 0)
    run = client.run_pipeline(
        experiment.experiment_id, "conformance run", params=parameters, pipeline_id=uploaded.pipeline_id,
        version_id=more.pipeline_version_id, enable_caching=False,
    )  # fmt: skip
    done = client.wait_for_run_completion(run.run_id, timeout=PATIENCE, sleep_duration=1)
    seen["run"] = {"state": done.state, "error": str(done.error or ""), "finished": done.finished_at >= done.created_at}
    seen["runs"] = [r.display_name for r in client.list_runs(experiment_id=experiment.experiment_id).runs or []]
    client.archive_run(run.run_id)
    seen["archived"] = client.get_run(run.run_id).storage_state
    direct = client.create_run_from_pipeline_package(pipeline, arguments=parameters, experiment_name="conformance")
    seen["run of a file"] = direct.wait_for_run_completion(timeout=PATIENCE).state
    for version in after:
        client.delete_pipeline_version(uploaded.pipeline_id, version.pipeline_version_id)
    client.delete_pipeline(uploaded.pipeline_id)
    seen["deleted"] = client.get_pipeline_id("conformance-hello")
    return seen


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], sys.argv[2], json.loads(sys.argv[3]))))
