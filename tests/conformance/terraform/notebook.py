"""``terraform/notebook`` from nothing to nothing with one provider, once for each kind.

What an installation has made before it is there: the network, the registry, the buckets, and a VM's script.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.install import notebook
from core.install.notebook_destroy import NO_IMAGE
from core.install.workdir import notebook_variables
from core.prerequisites.existing import of_notebook
from tests.conformance.terraform.cloud import PROJECT, Cloud
from tests.conformance.terraform.story import Seen, Terraform, names, parameters

NAMES = names(parameters())
REGION = NAMES.region
REPOSITORY = f"{REGION}-docker.pkg.dev/{PROJECT}/{NAMES.registry}/kfp-dev"
SCRIPT = "notebook/start.sh"
KINDS = ("container", "vm")
BIGGER, LABELLED = {"notebook_machine_type": "n2-standard-8"}, {"labels": {"team": "research"}}


def before(cloud: Cloud) -> None:
    """Makes what a notebook stands on."""
    compute, storage = f"compute/compute/v1/projects/{PROJECT}", "storage/storage/v1"
    network = f"projects/{PROJECT}/global/networks/{NAMES.network}"
    for path, body in (
        (f"{compute}/global/networks", {"name": NAMES.network, "autoCreateSubnetworks": False}),
        (
            f"{compute}/regions/{REGION}/subnetworks",
            {"name": NAMES.subnetwork, "network": network, "ipCidrRange": "10.2.0.0/20", "privateIpGoogleAccess": True},
        ),
        (
            f"artifactregistry/v1/projects/{PROJECT}/locations/{REGION}/repositories?repositoryId={NAMES.registry}",
            {"format": "DOCKER"},
        ),
        (f"{storage}/b?project={PROJECT}", {"name": NAMES.artifact_bucket, "location": REGION}),
        (f"{storage}/b?project={PROJECT}", {"name": NAMES.build_bucket, "location": REGION}),
        (f"storage/upload/{storage.partition('/')[2]}/b/{NAMES.build_bucket}/o?uploadType=media&name={SCRIPT}", {}),
    ):
        status, answer = cloud.call("POST", path, body)
        if status != 200:
            raise RuntimeError(f"{path}: {status}: {answer}")


def variables(kind: str, *, tag: str = "1", state: str = "ACTIVE", **given: Any) -> dict[str, Any]:
    """The variables that an installation sets for a notebook of a kind."""
    script = f"gs://{NAMES.build_bucket}/{SCRIPT}" if kind == "vm" else ""
    image = {"reference": f"{REPOSITORY}@sha256:0", "tag": tag}
    values = parameters(notebook=kind, **given)
    return notebook_variables(values, NAMES, image=image, script=script, desired_state=state)


def story(work: Path, mirror: Path, cloud: Cloud, kind: str) -> Iterator[tuple[str, Seen]]:
    """The phases of a notebook of a kind, in order, with what was seen of each."""
    before(cloud)
    terraform = Terraform(work / "first", mirror, cloud, notebook.MODULE)
    for phase, given in (
        ("made", {}),
        ("again", {}),
        ("changed machine", BIGGER),
        ("labelled", {**BIGGER, **LABELLED}),
        ("another image", {**BIGGER, **LABELLED, "tag": "2"}),
        ("stopped", {**BIGGER, **LABELLED, "tag": "2", "state": "STOPPED"}),
        ("stopped again", {**BIGGER, **LABELLED, "tag": "2", "state": "STOPPED"}),
        ("changed while stopped", {**LABELLED, "tag": "2", "state": "STOPPED"}),
        ("started without labels", {"tag": "2"}),
    ):
        terraform.take(variables(kind, **given))
        yield phase, terraform.bring_about()
    other = Terraform(work / "second", mirror, cloud, notebook.MODULE)
    other.take(variables(kind, tag="2"))
    other.take_imports(of_notebook(NAMES))
    yield "imported", other.bring_about()
    leaving = notebook_variables(parameters(notebook="vm"), NAMES, image=NO_IMAGE, script="")
    terraform.take(leaving)
    yield "destroyed", terraform.bring_about("-destroy")
