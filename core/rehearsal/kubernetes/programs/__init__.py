"""What the containers do once they run: one table of programs by their image's name, and the rules they follow.

A program is known by its image, not by the Deployment it stands in, so that it behaves the same wherever it is put. An
image that is not in the table just runs.
"""

from __future__ import annotations

from core.rehearsal.kubernetes.programs import database, pipelines
from core.rehearsal.kubernetes.programs.process import Problem, Process, environment
from core.rehearsal.kubernetes.programs.table import GONE, UNKNOWN, Program

_ARGUMENTS = pipelines.arguments

PROGRAMS: dict[str, Program] = {
    "cloud-sql-proxy": Program(
        checks=(database.proxy_checks,),
        ports=database.proxy_ports,
        shell=False,
        greeting="The proxy has started successfully and is ready for new connections!",
    ),
    "gce-proxy": Program(checks=(database.proxy_checks,), ports=database.proxy_ports, greeting="Ready for new connections"),
    "ml_metadata_store_server": Program(
        checks=(_ARGUMENTS, database.metadata_store_checks),
        effect=database.metadata_store_effect,
        greeting="Server listening on 0.0.0.0:8080",
    ),
    "kfp-api-server": Program(
        checks=(_ARGUMENTS, database.api_server_checks),
        effect=database.api_server_effect,
        greeting="Starting RPC server",
    ),
    "kfp-frontend": Program(greeting="Server listening at http://localhost:3000"),
    "kfp-persistence-agent": Program(checks=(pipelines.persistence_agent,), greeting="Started workers"),
    "kfp-scheduled-workflow-controller": Program(checks=(pipelines.scheduled_workflows,), greeting="Started workers"),
    "kfp-viewer-crd-controller": Program(checks=(pipelines.viewers,), greeting="Starting the Cmd."),
    "kfp-visualization-server": Program(greeting="Serving"),
    "kfp-metadata-envoy": Program(checks=(pipelines.envoy,), greeting="starting main dispatch loop"),
    "kfp-metadata-writer": Program(
        checks=(pipelines.metadata_writer,), greeting="Start watching Kubernetes Pods created by Argo"
    ),
    "workflow-controller": Program(
        checks=(_ARGUMENTS, pipelines.workflow_controller), greeting="started leading", shell=False
    ),
    "seaweedfs": Program(checks=(pipelines.object_store,), greeting="Start Seaweed S3 API Server"),
    "inverse-proxy-agent": Program(checks=(pipelines.proxy_agent,), effect=pipelines.proxy_agent_effect),
    "alpine": Program(checks=(pipelines.wait_settings,), waits=pipelines.waits_for),
}


def of_image(image: str) -> Program:
    """The program in an image; one that just runs where it is not known."""
    return PROGRAMS.get(database.image_name(image), UNKNOWN)


__all__ = ["GONE", "PROGRAMS", "Problem", "Process", "Program", "environment", "of_image"]
