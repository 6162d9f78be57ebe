"""Artifact Registry: repositories, made by operations, with policies of their own, and the images that were pushed."""

from __future__ import annotations

import re
import uuid

from core.rehearsal.google import iam_policy, operations, org_policies
from core.rehearsal.google.calls import Call, answers, default_resource, listing, project_of
from core.rehearsal.google.compute_catalogue import REGIONS
from core.rehearsal.google.errors import ApiError
from core.rehearsal.google.merge import masked
from core.rehearsal.store import Document
from core.rehearsal.world import World

KIND, IMAGES = "artifactregistry.repositories", "artifactregistry.images"
_REPOSITORIES = "artifactregistry.projects.locations.repositories"
_ID = re.compile(r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")
_REPOSITORY = "type.googleapis.com/google.devtools.artifactregistry.v1.Repository"


@answers(
    "artifactregistry.projects.locations.repositories.create",
    permission="artifactregistry.repositories.create",
    on=project_of,
)
def create(call: Call) -> Document:
    """Makes a repository; its name is taken at once."""
    id, parent = str(call.get("repositoryId", "")), call.full("parent")
    if not _ID.fullmatch(id):
        raise ApiError(400, f'invalid repository ID: "{id}"')
    location = parent.rpartition("/")[2]
    if org_policies.refuses(call.world, "gcp.resourceLocations", location):
        raise ApiError(
            400, f"Constraint constraints/gcp.resourceLocations violated for {parent}.", status="FAILED_PRECONDITION"
        )
    org_policies.without_key(call.world, "artifactregistry.googleapis.com", call.body.get("kmsKeyName"))
    name = f"{parent}/repositories/{id}"
    if call.store.get(KIND, name) is not None:
        raise ApiError(409, "the repository already exists")
    resource: Document = {
        "mode": "STANDARD_REPOSITORY", "vulnerabilityScanningConfig": {"enablementState": "SCANNING_DISABLED"}, **call.body,
        "name": name, "createTime": call.now, "updateTime": call.now, "sizeBytes": "0",
        "registryUri": f"{location}-docker.pkg.dev/{call.project}/{id}",
    }  # fmt: skip
    call.store.put(KIND, name, resource)
    return _operation(call, parent, "artifactregistry.made", name)


@operations.effect("artifactregistry.made")
def _made(world: World, operation: Document) -> Document:
    return {"@type": _REPOSITORY, **(world.store.get(KIND, operation["repository"]) or {})}


@answers("artifactregistry.projects.locations.repositories.get", permission="artifactregistry.repositories.get")
def get(call: Call) -> Document:
    """One repository."""
    return _repository(call, call.full())


@answers(
    "artifactregistry.projects.locations.repositories.list", permission="artifactregistry.repositories.list", on=project_of
)
def repositories(call: Call) -> Document:
    """The repositories of one location or of all."""
    parent = call.full("parent")
    prefix = f"{parent}/repositories/" if not parent.endswith("/-") else f"{parent[:-1]}"
    return listing(call, "repositories", [r for _, r in call.store.items(KIND, prefix)])


@answers("artifactregistry.projects.locations.repositories.patch", permission="artifactregistry.repositories.update")
def patch(call: Call) -> Document:
    """Changes a repository."""
    old = _repository(call, call.full())
    new = masked(old, call.body, str(call.get("updateMask") or ",".join(call.body)))
    return call.store.put(KIND, old["name"], {**new, "updateTime": call.now})


@answers("artifactregistry.projects.locations.repositories.delete", permission="artifactregistry.repositories.delete")
def delete(call: Call) -> Document:
    """Removes a repository with all its images."""
    name = _repository(call, call.full())["name"]
    call.store.delete(KIND, name)
    for held, _ in call.store.items(IMAGES, f"{name}/"):
        call.store.delete(IMAGES, held)
    iam_policy.forget(call.world, name)
    return _operation(call, name.rpartition("/repositories/")[0], "artifactregistry.gone", name)


@operations.effect("artifactregistry.gone")
def _gone(world: World, operation: Document) -> Document:
    return {"@type": "type.googleapis.com/google.protobuf.Empty"}


@answers(
    "artifactregistry.projects.locations.repositories.getIamPolicy", permission="artifactregistry.repositories.getIamPolicy"
)
def get_policy(call: Call) -> Document:
    """A repository's policy."""
    return iam_policy.read(call.world, _repository(call, call.full("resource"))["name"])


@answers(
    "artifactregistry.projects.locations.repositories.setIamPolicy", permission="artifactregistry.repositories.setIamPolicy"
)
def set_policy(call: Call) -> Document:
    """Replaces a repository's policy."""
    name = _repository(call, call.full("resource"))["name"]
    return iam_policy.replace(call.world, name, call.body.get("policy") or {})


@answers("artifactregistry.projects.locations.repositories.testIamPermissions")
def test_permissions(call: Call) -> Document:
    """Which of the permissions the caller has on a repository."""
    wanted = iam_policy.testable(list(call.body.get("permissions", [])))
    held = [p for p in wanted if call.world.identity.allowed(call.email, p, default_resource(call))]
    return {"permissions": held} if held else {}


def push(world: World, email: str, reference: str, digest: str) -> str:
    """Puts an image into its repository under a tag; why it may not, or nothing."""
    found = re.fullmatch(r"([a-z0-9-]+)-docker\.pkg\.dev/([^/]+)/([^/]+)/([^:@]+):([\w.-]+)", reference)
    if found is None:
        return f"invalid reference format: {reference}"
    location, project, repository, package, tag = found.groups()
    parent = f"projects/{project}/locations/{location}/repositories/{repository}"
    if world.store.get(KIND, parent) is None:
        return f'name unknown: Repository "{repository}" not found'
    if not world.identity.allowed(email, "artifactregistry.repositories.uploadArtifacts", parent):
        return f'denied: Permission "artifactregistry.repositories.uploadArtifacts" denied on resource "{parent}"'
    for name, image in world.store.items(IMAGES, f"{parent}/dockerImages/{package}@"):
        if tag in image["tags"]:
            world.store.put(IMAGES, name, {**image, "tags": [t for t in image["tags"] if t != tag]})
    name = f"{parent}/dockerImages/{package}@{digest}"
    known = world.store.get(IMAGES, name) or {"tags": []}
    now = world.clock.timestamp()
    world.store.put(IMAGES, name, {
        "uploadTime": now, **known, "name": name,
        "uri": f"{location}-docker.pkg.dev/{project}/{repository}/{package}@{digest}",
        "tags": sorted({*known["tags"], tag}), "updateTime": now, "imageSizeBytes": "2400000000",
        "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
    })  # fmt: skip
    return ""


def pullable(world: World, email: str, repository: str, tag: str) -> str:
    """Why an account can't pull an image of this project's, or nothing; images of others are taken as they are."""
    found = re.fullmatch(r"([a-z0-9-]+)-docker\.pkg\.dev/([^/]+)/([^/]+)/(.+)", repository)
    if found is None or found[2] != world.project:
        return ""
    parent = f"projects/{found[2]}/locations/{found[1]}/repositories/{found[3]}"
    if not world.identity.allowed(email, "artifactregistry.repositories.downloadArtifacts", parent):
        return f'denied: Permission "artifactregistry.repositories.downloadArtifacts" denied on resource "{parent}"'
    held = world.store.items(IMAGES, f"{parent}/dockerImages/{found[4]}@")
    return "" if any(tag in image["tags"] for _, image in held) else f"manifest for {repository}:{tag} not found"


def _parent(call: Call) -> str:
    return re.split("/(?:dockerImages|packages|files)(?:/|$)", call.full("name" if call.get("name") else "parent"))[0]


@answers(f"{_REPOSITORIES}.dockerImages.list", permission="artifactregistry.dockerimages.list", on=_parent)
def images(call: Call) -> Document:
    """The images of a repository."""
    name = _repository(call, _parent(call))["name"]
    return listing(call, "dockerImages", [image for _, image in call.store.items(IMAGES, f"{name}/dockerImages/")])


@answers(f"{_REPOSITORIES}.dockerImages.get", permission="artifactregistry.dockerimages.get", on=_parent)
def image(call: Call) -> Document:
    """One image, by its digest."""
    found = call.store.get(IMAGES, call.full())
    if found is None:
        raise ApiError(404, "Requested entity was not found.")
    return found


@answers(f"{_REPOSITORIES}.packages.list", permission="artifactregistry.packages.list", on=_parent)
def packages(call: Call) -> Document:
    """The packages of a repository: each image under its name."""
    name = _repository(call, _parent(call))["name"]
    found = {n.rpartition("/")[2].partition("@")[0] for n, _ in call.store.items(IMAGES, f"{name}/dockerImages/")}
    return listing(call, "packages", [{"name": f"{name}/packages/{package}"} for package in sorted(found)])


@answers(f"{_REPOSITORIES}.packages.tags.get", permission="artifactregistry.tags.get", on=_parent)
def tag(call: Call) -> Document:
    """What a tag of a package stands for."""
    _repository(call, _parent(call))
    head, _, wanted = call.full().rpartition("/tags/")
    package = head.rpartition("/")[2]
    for name, image in call.store.items(IMAGES, f"{_parent(call)}/dockerImages/{package}@"):
        if wanted in image["tags"]:
            return {"name": call.full(), "version": f"{head}/versions/{name.rpartition('@')[2]}"}
    raise ApiError(404, "Requested entity was not found.")


@answers(f"{_REPOSITORIES}.files.list", permission="artifactregistry.files.list", on=_parent)
def files(call: Call) -> Document:
    """The files of a repository: none are told."""
    _repository(call, _parent(call))
    return {}


@answers("artifactregistry.projects.locations.list", permission="artifactregistry.locations.list", on=project_of)
def locations(call: Call) -> Document:
    """Where repositories can be."""
    places = [*sorted(REGIONS), "us", "europe", "asia"]
    return {"locations": [{"name": f"projects/{call.project}/locations/{p}", "locationId": p} for p in places]}


@answers("artifactregistry.projects.locations.operations.get")
def operation(call: Call) -> Document:
    """A long operation of this API."""
    found = operations.get(call.world, f"artifactregistry/{call.full()}")
    if found is None:
        raise ApiError(404, f"Operation not found: {call['name']}")
    return operations.long_running(call.world, found)


def _repository(call: Call, name: str) -> Document:
    found = call.store.get(KIND, name)
    if found is None:
        raise ApiError(404, f"Requested entity was not found: {name}")
    return found


def _operation(call: Call, parent: str, effect: str, repository: str) -> Document:
    name = f"{parent}/operations/{uuid.uuid4()}"
    begun = operations.begin(
        call.world, f"artifactregistry/{name}", call=call.method.id, effect=effect, repository=repository,
        metadata={"@type": "type.googleapis.com/google.devtools.artifactregistry.v1.OperationMetadata"},
    )  # fmt: skip
    return operations.long_running(call.world, begun)
