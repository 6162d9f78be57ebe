"""Taking the notebook down, from whatever a run left of it: Terraform first, then what its state has lost, by API."""

from __future__ import annotations

from core.gcp import storage
from core.gcp.errors import NotFound
from core.install import notebook, workdir
from core.install.installation import Installation
from core.names import ID_LABEL
from core.prerequisites.existing import ACCOUNT, INSTANCE, get, of_notebook
from core.run.step import Context

NO_IMAGE = {"reference": "", "tag": ""}


def there_may_be_one(installation: Installation) -> bool:
    """Whether a run of this environment can have made a notebook."""
    asked = installation.values["notebook"] != "none"
    return asked or installation.environment.terraform_folder(notebook.MODULE).is_dir()


async def destroy_notebook(installation: Installation, context: Context) -> None:
    """Deletes the instance with its disks, its account and its grants; may be called again."""
    names = installation.names
    if not names.project or not names.zone:
        return
    bucket = await storage.bucket(installation.google, names.state_bucket) if installation.values["state"] == "gcs" else None
    owned = bucket is not None and bucket.get("labels", {}).get(ID_LABEL) == names.id
    async with workdir.opened(installation, context, module=notebook.MODULE) as terraform:
        await terraform.settle(context, interrupt=True)
        terraform.workspace.set_imports({})
        variables = workdir.notebook_variables({**installation.values, "notebook": "vm"}, names, image=NO_IMAGE, script="")
        terraform.workspace.prepare(
            variables=variables, backend=workdir.backend(names.state_bucket if owned else "", notebook.MODULE)
        )
        await terraform.init(context)
        plan = await terraform.plan(context, destroy=True)
        if plan.changes:
            context.changed()
            await terraform.apply(plan, context)
    await _lost(installation, context)


async def _lost(installation: Installation, context: Context) -> None:
    """Deletes what is the environment's own and no state knows of."""
    google, delete = installation.google, {
        INSTANCE: ("notebooks", "v2", "projects.locations.instances.delete"),
        ACCOUNT: ("iam", "v1", "projects.serviceAccounts.delete"),
    }  # fmt: skip
    for item in reversed(of_notebook(installation.names)):
        try:
            found = await get(google, item)
            if found is None or not item.owned(found):
                continue
            api, version, method = delete[item.address]
            context.changed()
            answer = await google.call(api, version, method, **item.params)
            if item.address == INSTANCE:
                await google.wait(api, version, answer, context, key="delete-notebook")
            context.resource(item.what, item.name, "delete", "done")
        except NotFound:
            continue
