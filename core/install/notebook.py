"""Step ``notebook``: a Workbench instance on the environment's image, by a Terraform module of its own.

A container is JupyterLab in the image; a VM has Docker, on which the image runs as the container ``dev``. What is there
already and is the environment's own is imported; one that someone has stopped stays stopped, and one that is stopped for a
change is started again, even if that takes another run. In the cluster its account may
look at what runs and forward to it, and nothing more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.errors import MlopsError, PermanentError, TemporaryError
from core.gcp.errors import NotFound
from core.install import notebook_script, shown, workdir
from core.install.adoption import Found
from core.install.connection import connect
from core.install.installation import Installation
from core.kubernetes.apply import any_changed, apply_all
from core.kubernetes.resources import Object
from core.names import Names
from core.prerequisites.existing import INSTANCE, get, of_notebook
from core.run.step import Context, Outcome, Step
from core.terraform import AlreadyThere, Terraform

MODULE = "notebook"
ROUNDS = 6
STOPPED = "notebook-stopped"
"""What a run notes while it has the instance stopped for a change."""
HEALTH_SECONDS = 300.0
"""How long an instance that is there may take until it says that it is well."""


def wanted(installation: Installation) -> bool:
    """Whether the environment has a notebook."""
    return bool(installation.values["notebook"] != "none")


def step(installation: Installation) -> Step:
    """The step for one run."""

    async def run(context: Context) -> Outcome | None:
        if context.fact("image") is None:
            context.progress("there is no image to run: its build was skipped")
            return "skipped"
        await bring_about(installation, context)
        return None

    kind = installation.values["notebook"]
    return Step(
        "notebook",
        "Make the notebook with Terraform",
        run,
        needs=("services", "zone", "state_bucket", "account", "image", "artifact_bucket", "build_bucket", "network"),
        publishes=("notebook",),
        seconds=600 if kind == "container" else 300,
        deadline=5400,
        optional=True,
        retries=40,
    )


async def bring_about(installation: Installation, context: Context) -> None:
    """Makes the notebook what the parameters say."""
    image, script = context.fact("image"), ""
    if installation.values["notebook"] == "vm":
        script, action = await notebook_script.upload(installation, image["reference"], context.fact("account"))
        if action:
            context.changed()
            context.resource("storage.objects", script, action, "done")
    before = await instance(installation)
    refuse_stranger(installation, before)
    _refuse_other_kind(installation, before)
    if stops := stopped_for(before, installation.values, image):
        context.progress(f"the notebook is stopped for a moment: {', '.join(stops)}")
        context.operation_started(STOPPED, resource_name(installation.names))
    async with workdir.opened(installation, context, module=MODULE) as terraform:
        await terraform.settle(context)
        terraform.workspace.set_imports({})
        by_someone = before is not None and before.get("state") == "STOPPED" and not context.pending_operation(STOPPED)
        state = "STOPPED" if by_someone else "ACTIVE"
        variables = workdir.notebook_variables(
            installation.values, installation.names, image=image, script=script, desired_state=state
        )
        terraform.workspace.prepare(variables=variables, backend=workdir.backend(context.fact("state_bucket"), MODULE))
        await terraform.init(context)
        await _converge(installation, context, terraform)
        terraform.workspace.set_imports({})
    if context.pending_operation(STOPPED):
        await _start_again(installation, context)
    await _let_into_the_cluster(installation, context)
    context.publish("notebook", await _well(installation, context))


async def _start_again(installation: Installation, context: Context) -> None:
    """Starts what was stopped for a change, where Terraform, which knows of no state, has not."""
    from core.install.notebook_power import turn

    if (await turn(installation, "start", context))["changed"]:
        context.changed()
    context.operation_finished(STOPPED, resource_name(installation.names))


async def instance(installation: Installation) -> dict[str, Any] | None:
    """The instance as its API has it; None where there is none."""
    try:
        return await installation.google.call(
            "notebooks", "v2", "projects.locations.instances.get", name=resource_name(installation.names)
        )
    except NotFound:
        return None


def stopped_for(found: Mapping[str, Any] | None, values: Mapping[str, Any], image: Mapping[str, str]) -> list[str]:
    """What would change of an instance that runs and can only be changed while it is stopped, as old → new."""
    if found is None or found.get("state") != "ACTIVE":
        return []
    setup = found.get("gceSetup", {})
    changes = [("machine type", str(setup.get("machineType", "")).rpartition("/")[2], values["notebook_machine_type"])]
    if container := setup.get("containerImage"):
        names = (str(container["repository"]), image["reference"].partition("@")[0])
        old, new = (name.rpartition("/")[2] for name in names)
        changes.append(("image", f"{old}:{container.get('tag', 'latest')}", f"{new}:{image['tag']}"))
    return [f"{what} {old} → {new}" for what, old, new in changes if old != new]


def resource_name(names: Names) -> str:
    """The instance's name in its API."""
    return f"projects/{names.project}/locations/{names.zone}/instances/{names.notebook}"


async def _converge(installation: Installation, context: Context, terraform: Terraform) -> None:
    """Plans and applies until nothing is left to do; what turns out to be there already is imported."""
    cause = ""
    for _ in range(ROUNDS):
        plan = await terraform.plan(context)
        if await _adopt(installation, terraform, [c.address for c in plan.of("create") if not c.import_id]):
            plan = await terraform.plan(context)
        plan.refuse_loss()
        await shown.hold(installation, context, terraform, plan)
        if not plan:
            return
        if plan.changes:
            context.changed()
        try:
            await terraform.apply(plan, context)
            return
        except AlreadyThere as error:
            cause = error.cause
    raise TemporaryError("The notebook is there already, and can't be adopted yet.", code="exists", cause=cause, delay=20)


async def _adopt(installation: Installation, terraform: Terraform, missing: list[str]) -> bool:
    found = Found()
    for item in of_notebook(installation.names):
        document = await get(installation.google, item) if item.address in missing else None
        if document is not None and item.owned(document):
            found.own[item.address] = (item, document)
        elif document is not None:
            found.strangers.append(item)
    found.refuse_strangers()
    terraform.workspace.set_imports({address: item.import_id for address, (item, _) in found.own.items()})
    return bool(found.own)


def refuse_stranger(installation: Installation, before: dict[str, Any] | None) -> None:
    """Raises `PermanentError` where it is someone else's: that is neither stopped nor changed, of either kind."""
    item = next(e for e in of_notebook(installation.names) if e.address == INSTANCE)
    Found(strangers=[item] if before is not None and not item.owned(before) else []).refuse_strangers()


def _refuse_other_kind(installation: Installation, before: dict[str, Any] | None) -> None:
    """Another kind would be another instance, and this one's disks hold its users' work."""
    if before is None:
        return
    there = "container" if before.get("gceSetup", {}).get("containerImage") else "vm"
    if there != installation.values["notebook"]:
        raise PermanentError(
            f"The notebook is a {there}, and can't become a {installation.values['notebook']}.",
            code="notebook-kind",
            cause="Google changes no instance's kind: it would be made anew, without what its disks hold.",
            hint=f"Save what is on it and delete it yourself, or go on with notebook = {there}.",
            command=f"mlops-env install {installation.environment.name} --set notebook={there}",
        )


async def _let_into_the_cluster(installation: Installation, context: Context) -> None:
    """Lets the notebook's account look at the namespace's pods and forward to them."""
    namespace, url = await context.wait_for("namespace"), await context.wait_for("cluster_endpoint")
    async with connect(installation, url) as cluster:
        applied = await apply_all(cluster, rights(installation.names, namespace), context)
    if any_changed(applied):
        context.changed()


def rights(names: Names, namespace: str) -> list[Object]:
    """The Role and its binding."""
    metadata = {"name": names.notebook, "namespace": namespace, "labels": names.labels}
    role: Object = {
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": metadata,
        "rules": [
            {"apiGroups": [""], "resources": ["pods", "pods/log", "services", "events"], "verbs": ["get", "list", "watch"]},
            {"apiGroups": [""], "resources": ["pods/portforward"], "verbs": ["create", "get"]},
            {"apiGroups": ["argoproj.io"], "resources": ["workflows"], "verbs": ["get", "list", "watch"]},
        ],
    }  # fmt: skip
    binding: Object = {
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": metadata,
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": names.notebook},
        "subjects": [{
            "apiGroup": "rbac.authorization.k8s.io", "kind": "User",
            "name": names.account_email(names.notebook_account_id),
        }],
    }  # fmt: skip
    return [role, binding]


async def _well(installation: Installation, context: Context) -> dict[str, str]:
    """What is known of the instance once it says how it is, or has not for long enough."""
    begin, found = installation.clock.now(), await instance(installation)
    while found and found.get("state") == "ACTIVE" and found.get("healthState") not in ("HEALTHY", "UNHEALTHY"):
        if installation.clock.now() - begin > HEALTH_SECONDS:
            break
        await installation.clock.sleep(10)
        found = await instance(installation)
    if found is None:
        raise MlopsError("The notebook is gone again.", code="notebook-gone")
    if found.get("healthState") == "UNHEALTHY":
        context.log(f"The notebook is there, and says that it is not well: {found.get('healthInfo')}")
        context.progress("the notebook is there, and says that it is not well: its log has why")
    return describe(installation.names, found)


def describe(names: Names, found: dict[str, Any]) -> dict[str, str]:
    """The fact ``notebook``."""
    setup = found.get("gceSetup", {})
    host = str(found.get("proxyUri") or "")
    return {
        "name": names.notebook,
        "kind": "container" if setup.get("containerImage") else "vm",
        "url": f"https://{host}" if host else "",
        "account": names.account_email(names.notebook_account_id),
    }
