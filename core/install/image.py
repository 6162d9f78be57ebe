"""The environment's development image: what a run has published of it."""

from __future__ import annotations

from core.environment import Environment
from core.errors import UsageError
from core.install import outside


def of(environment: Environment, template: str) -> dict[str, str]:
    """The image that an environment has of a template, and its project; raises `UsageError` where it has none."""
    image = outside.facts(environment).get("image") or {}
    if image.get("template") != template:
        there = f"Its image is {image['template']}." if image else ""
        way = "Take that template, or leave out --env" if image else "Leave out --env"
        raise UsageError(
            f"{environment.name} has no image {template}.",
            code="no-image",
            cause=there,
            hint=f"{way}: then it stands on a public base.",
            command=f"mlops-env image build {environment.name}",
        )
    return {"reference": image["reference"], "project": str(environment.values["project_id"])}
