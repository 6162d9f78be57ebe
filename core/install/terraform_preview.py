"""What Terraform would change, before there is a run: each module planned as the run would plan it. Nothing is made.

Where there is no state bucket yet it plans on a scratch state, which is thrown away: a saved plan belongs to the backend
that it was made on, so the run plans again on the bucket (and is held to what this showed: `shown`).
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.errors import StepError
from core.install import notebook, notebook_script, workdir
from core.install.addresses import PROTECTED
from core.install.image_sources import sources
from core.install.installation import Installation
from core.install.platform import protected
from core.names import Names
from core.prerequisites.existing import INSTANCE
from core.run.step import Reporter
from core.run.together import together
from core.terraform import MadeInVain, Plan, Terraform
from core.terraform.workspace import STATE

Planned = tuple[Plan, dict[str, dict[str, Any]]]
"""A plan, and every resource as it will be."""


async def preview(installation: Installation, reporter: Reporter, *, zone: str, state_bucket: str = "") -> dict[str, Any]:
    """The plan's ``terraform``, with the roles that it grants under ``grants``; raises what Terraform refuses."""
    names = replace(installation.names, zone=zone)
    protection, found = await asyncio.gather(_protected(installation), _instance(installation))
    plans = [_platform(installation, reporter, names, state_bucket, protection=protection)]
    if notebook.wanted(installation):
        plans.append(_notebook(installation, reporter, names, found, state_bucket))
    planned = await together(plans)
    documents = [plan.to_dict() for plan, _ in planned]
    for document, step in zip(documents, ("platform", "notebook"), strict=False):
        for resource in document["resources"]:
            resource["step"] = step
            if resource["address"] == INSTANCE and resource["action"] == "update":
                stops = notebook.stopped_for(found, installation.values, _image(installation, names))
                resource["note"] = f"stopped for a moment: {', '.join(stops)}" if stops else ""
    last = [] if protection else [_protecting(address, fields) for address, fields in PROTECTED.items()]
    return {
        **{key: sum(d[key] for d in documents) for key in ("add", "change", "destroy", "import")},
        "change": sum(d["change"] for d in documents) + len(last),
        "resources": [*(r for d in documents for r in sorted(d["resources"], key=lambda r: str(r["address"]))), *last],
        "grants": [grant for plan, resources in planned for grant in _grants(plan, resources)],
    }


def _protecting(address: str, fields: Sequence[str]) -> dict[str, Any]:
    kind, name = address.split(".")[-2:]
    shown = {"address": address, "type": kind, "action": "update", "name": name, "fields": list(fields)}
    return {**shown, "step": "protect"}


async def _protected(installation: Installation) -> bool:
    try:
        return await protected(installation)
    except StepError:  # its API is off, or it may not be looked at: then there is nothing of ours yet
        return False


async def _platform(
    installation: Installation, reporter: Reporter, names: Names, bucket: str, *, protection: bool
) -> Planned:
    variables = workdir.platform_variables(installation.values, names, protection=protection)
    return await _planned(installation, reporter, workdir.MODULE, variables, bucket)


async def _notebook(
    installation: Installation, reporter: Reporter, names: Names, found: Mapping[str, Any] | None, bucket: str
) -> Planned:
    variables = workdir.notebook_variables(
        installation.values,
        names,
        image=_image(installation, names),
        script=notebook_script.address(names) if installation.values["notebook"] == "vm" else "",
        desired_state="STOPPED" if found is not None and found.get("state") == "STOPPED" else "ACTIVE",
    )
    return await _planned(installation, reporter, notebook.MODULE, variables, bucket)


def _image(installation: Installation, names: Names) -> dict[str, str]:
    """The image under the tag that it will have; its digest is only known once it is built, and not needed here."""
    template = str(installation.values["image"])
    return {"reference": f"{names.registry_path}/{template}", "tag": sources(template).tag}


async def _instance(installation: Installation) -> Mapping[str, Any] | None:
    if not installation.names.zone or not notebook.wanted(installation):  # its zone is known once a run has come that far
        return None
    try:
        return await notebook.instance(installation)
    except StepError:
        return None


async def _planned(
    installation: Installation, reporter: Reporter, module: str, variables: Mapping[str, Any], bucket: str
) -> Planned:
    environment = installation.environment
    with tempfile.TemporaryDirectory(prefix="plan-", dir=environment.home.ensure("cache")) as scratch:
        work = Path(scratch) / module
        async with workdir.opened(installation, reporter, work=work, module=module) as terraform:
            terraform.workspace.prepare(variables=variables, backend=workdir.backend(bucket, module))
            kept = environment.terraform_folder(module) / STATE
            if installation.values["state"] == "local" and kept.is_file():
                shutil.copyfile(kept, work / STATE)
            await terraform.init(reporter)
            plan = await _plan(terraform, reporter)
            return await terraform.detailed(plan, reporter) if plan.changes else (plan, {})


async def _plan(terraform: Terraform, reporter: Reporter) -> Plan:
    """The plan; what was made in vain is made anew in it, as the run will do once its state has forgotten that."""
    try:
        return await terraform.plan(reporter)
    except MadeInVain as failed:
        reporter.log(f"{failed.message} {failed.cause}")
        # A look at it is what fails, and the state isn't a preview's to change.
        return (await terraform.plan(reporter, refresh=False)).anew(failed.addresses)


def _grants(plan: Plan, planned: Mapping[str, Mapping[str, Any]]) -> list[dict[str, str]]:
    made = {change.address for change in plan.of("create", "replace")}
    return [_grant(r) for a, r in planned.items() if a in made and str(r["type"]).endswith("_iam_member")]


def _grant(resource: Mapping[str, Any]) -> dict[str, str]:
    """The role that an ``iam_member`` grants, to whom, and on what; what is only known once it is made is left open."""
    values = resource["values"]
    on = next((str(values[k]) for k in ("service_account_id", "bucket", "repository", "project") if values.get(k)), "")
    return {"role": str(values.get("role", "")), "member": str(values.get("member") or "(made by this run)"), "resource": on}
