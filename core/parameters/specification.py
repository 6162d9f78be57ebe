"""Every parameter of an environment, as plain data: no library is imported to read it.

A default that depends on other parameters or on the machine is None here and filled in by `resolve` (what follows from
other parameters) or by the command (what the sign-in or the cloud's lists say). ``change`` says what changing the value
of an installed environment does: ``fixed`` (refused), ``in place``, or ``replaces`` what is made from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Change = Literal["fixed", "in place", "replaces"]


@dataclass(frozen=True)
class Parameter:
    """One parameter; ``kind`` is ``string|integer|boolean|choice|map|list``, ``rule`` names its check in `validation`."""

    key: str
    kind: str
    help: str
    default: Any = None
    change: Change = "fixed"
    choices: tuple[str, ...] = ()
    rule: str = ""
    allowed: str = ""
    group: str = "Environment"
    advanced: bool = False
    from_profile: bool = False


@dataclass(frozen=True)
class Profile:
    """What a profile stands for: the sizes of nodes, database and notebook, and the share of a quota they take."""

    name: str
    summary: str
    node_machine_type: str
    node_min: int
    node_max: int
    node_initial: int
    node_disk_gb: int
    node_surge: int
    sql_tier: str
    sql_availability: str
    notebook_machine_type: str
    notebook_disk_type: str


PROFILES: dict[str, Profile] = {
    p.name: p
    for p in (
        Profile("trial", "fits a free trial's quota", "e2-standard-2", 1, 2, 2, 50, 0,
                "db-g1-small", "ZONAL", "e2-standard-2", "PD_STANDARD"),
        Profile("small", "one person, one node that grows to three", "e2-standard-4", 1, 3, 1, 100, 1,
                "db-custom-1-3840", "ZONAL", "e2-standard-4", "PD_BALANCED"),
        Profile("standard", "a team, with a database in two zones", "e2-standard-8", 2, 6, 2, 100, 1,
                "db-custom-4-15360", "REGIONAL", "n2-standard-8", "PD_BALANCED"),
    )
}  # fmt: skip

_P = Parameter
PARAMETERS: tuple[Parameter, ...] = (
    _P("project_id", "string", "Google Cloud project that everything is made in.", rule="project_id",
       allowed="6 to 30 lower-case letters, digits and hyphens, beginning with a letter, not ending in a hyphen"),
    _P("region", "string", "Region of the network, Cloud SQL, the buckets and the registry.", "us-central1", rule="region",
       allowed="the name of a region, as in us-central1"),
    _P("zone", "string", "Zone of the cluster and the notebook; the region's first that is up, when left out.", rule="zone",
       allowed="a zone of the region, as in us-central1-a"),
    _P("name_prefix", "string", "First part of every resource's name; the environment's name, when left out.",
       rule="name_prefix", advanced=True,
       allowed="2 to 16 lower-case letters, digits and hyphens, beginning with a letter; not goog… nor with google in it"),
    _P("namespace", "string", "Kubernetes namespace of Kubeflow Pipelines.", "kubeflow", rule="namespace", group="Kubeflow",
       allowed="1 to 63 lower-case letters, digits and hyphens, beginning and ending with a letter or digit; "
               "not default, kube-*, gke-* or gmp-*"),
    _P("profile", "choice", "Sizes that go together; each can be set alone as well.", "small", "in place",
       ("trial", "small", "standard"), group="Size"),
    _P("node_machine_type", "string", "Machine type of the cluster's nodes.", None, "replaces", rule="machine_type",
       group="Size", advanced=True, from_profile=True, allowed="a machine type, as in e2-standard-4"),
    _P("node_min", "integer", "Fewest nodes that the pool shrinks to.", None, "in place", rule="node_min", group="Size",
       advanced=True, from_profile=True, allowed="a whole number from 0 to 100, not above node_max"),
    _P("node_max", "integer", "Most nodes that the pool grows to.", None, "in place", rule="node_max", group="Size",
       advanced=True, from_profile=True, allowed="a whole number from 1 to 100"),
    _P("sql_tier", "string", "Machine of the Cloud SQL instance.", None, "in place", rule="sql_tier", group="Database",
       advanced=True, from_profile=True, allowed="an ENTERPRISE tier: db-f1-micro, db-g1-small or db-custom-CPUS-MEGABYTES"),
    _P("sql_availability", "choice", "One zone, or a standby in another.", None, "in place", ("ZONAL", "REGIONAL"),
       group="Database", advanced=True, from_profile=True),
    _P("sql_username", "string", "MySQL user of Kubeflow Pipelines.", "root", rule="sql_username", group="Database",
       advanced=True, allowed="1 to 32 letters, digits, underscores and hyphens, beginning with a letter; not mysql.*"),
    _P("sql_version", "choice", "MySQL version; 8.0 costs a surcharge for extended support.", "MYSQL_8_4", "in place",
       ("MYSQL_8_4", "MYSQL_8_0"), group="Database", advanced=True),
    _P("private_nodes", "boolean", "Nodes without public addresses, which reach out through Cloud NAT.", True, "replaces",
       group="Network", advanced=True),
    _P("kfp_version", "choice", "Release of Kubeflow Pipelines.", "2.17.0", "in place", ("2.17.0",), group="Kubeflow",
       advanced=True),
    _P("kfp_manifests", "string", "Where the release's manifests come from: github, or a folder that holds them.", "github",
       "in place", rule="kfp_manifests", group="Kubeflow", advanced=True,
       allowed="github, or a folder with kubeflow/pipelines and argoproj/argo-workflows in it"),
    _P("user_gcp_sa", "boolean", "The secret user-gcp-sa with a key of the pipelines' account, for pipelines that want one.",
       False, "in place", group="Kubeflow", advanced=True),
    _P("image", "choice", "Development image that is built; none leaves it out.", "kfp-dev", "in place",
       ("kfp-dev", "tfx-kfp-dev", "gpu-dl", "none"), group="Build"),
    _P("build_region", "string", "Region that Cloud Build builds the image in, or global; the environment's, when left out.",
       None, "in place", rule="build_region", group="Build", advanced=True,
       allowed="the name of a region, as in us-central1, or global"),
    _P("notebook", "choice", "Workbench notebook: JupyterLab in the image, or a VM with Docker that runs it as dev.", "none",
       "in place", ("container", "vm", "none"), group="Build"),
    _P("notebook_machine_type", "string", "Machine type of the notebook; a change stops it for a moment.", None, "in place",
       rule="machine_type", group="Build", advanced=True, from_profile=True,
       allowed="a machine type, as in e2-standard-4"),
    _P("docker_users", "list", "Accounts that may use Docker on a notebook VM; the installing one, when left out.",
       (), "in place", rule="accounts", group="Build", advanced=True,
       allowed="addresses of accounts, with commas between them"),
    _P("build_deploys", "boolean", "The build account may deploy to the cluster; it can then read every Secret in it.", True,
       "in place", group="Build", advanced=True),
    _P("default_build_account", "boolean", "The same for the account that Cloud Build uses by default in this project.",
       False, "in place", group="Build", advanced=True),
    _P("inverse_proxy", "boolean", "Google's inverting proxy, for a URL without a port-forward; weakens the namespace's "
       "PodSecurity.", False, "in place", group="Kubeflow", advanced=True),
    _P("state", "choice", "Where Terraform's state and the record live: a bucket, or this machine alone.", "gcs",
       choices=("gcs", "local"), advanced=True),
    _P("labels", "map", "Labels for everything that takes them.", {}, "in place", rule="labels", advanced=True,
       allowed="at most 32 pairs: keys of 1 to 63 lower-case letters, digits, _ and -, beginning with a letter; "
               "not mlops-env…"),
    _P("subnet_cidr", "string", "Range of the nodes.", "10.0.0.0/20", "replaces", rule="cidr", group="Network",
       advanced=True,
       allowed="a private IPv4 range in CIDR form from /8 to /29, overlapping none of the other ranges"),
    _P("pods_cidr", "string", "Range of the pods.", "10.4.0.0/14", "replaces", rule="cidr", group="Network", advanced=True,
       allowed="a private IPv4 range in CIDR form from /9 to /21, overlapping none of the other ranges"),
    _P("services_cidr", "string", "Range of the Kubernetes services.", "10.8.0.0/20", "replaces", rule="cidr",
       group="Network", advanced=True,
       allowed="a private IPv4 range in CIDR form from /16 to /27, overlapping none of the other ranges"),
    _P("sql_cidr", "string", "Range that Cloud SQL's private addresses come from.", "10.9.0.0/20", "replaces", rule="cidr",
       group="Network", advanced=True,
       allowed="a private IPv4 range in CIDR form from /8 to /24, overlapping none of the other ranges"),
)  # fmt: skip

LONGEST_PREFIX_LENGTH: dict[str, int] = {"subnet_cidr": 29, "pods_cidr": 21, "services_cidr": 27, "sql_cidr": 24}
"""The smallest range (as a prefix length) that each range parameter may be."""

SHORTEST_PREFIX_LENGTH: dict[str, int] = {**dict.fromkeys(LONGEST_PREFIX_LENGTH, 8), "pods_cidr": 9, "services_cidr": 16}
"""The largest range that each may be: GKE takes no more than 8,388,608 pods' addresses, and 65,536 of services."""

NOT_YET: dict[str, str] = {
    "network": "a given network", "network_project_id": "a given network",
    "subnetwork": "a given network", "pods_range": "a given network", "services_range": "a given network",
    "accounts": "given service accounts", "bucket": "a given bucket", "registry": "a given registry",
    "image_registry": "a registry with mirrored images", "kms_key": "a key of one's own",
}  # fmt: skip
"""Parameters that this version knows by name and refuses, with what they would be for."""

_BY_KEY = {p.key: p for p in PARAMETERS}


def parameter(key: str) -> Parameter:
    """The parameter of that key; KeyError where there is none."""
    return _BY_KEY[key]


def nearest(key: str) -> str:
    """The key that a misspelt one most likely means, or an empty string."""
    import difflib

    return next(iter(difflib.get_close_matches(key, _BY_KEY, n=1, cutoff=0.5)), "")


def defaults() -> dict[str, Any]:
    """Every parameter by its key with the default that stands by itself, None where it depends on something."""
    made = {"map": dict, "list": list}
    return {p.key: made[p.kind](p.default) if p.kind in made else p.default for p in PARAMETERS}


def needs_nat(values: Mapping[str, Any]) -> bool:
    """Whether a machine has no public address, and reaches out through Cloud NAT: private nodes, and every notebook."""
    return bool(values["private_nodes"]) or values["notebook"] != "none"


def resolve(given: Mapping[str, Any], *, environment: str) -> dict[str, Any]:
    """The given values with every default filled in that follows from other parameters and the environment's name.

    ``project_id`` and ``zone`` stay None where they were not given: the sign-in and the cloud's lists know them.
    """
    values = {**defaults(), **{k: v for k, v in given.items() if v is not None}}
    values["name_prefix"] = values["name_prefix"] or environment
    values["build_region"] = values["build_region"] or values["region"]
    profile = PROFILES[values["profile"]]
    for key, spec in _BY_KEY.items():
        if spec.from_profile and values[key] is None:
            values[key] = getattr(profile, key)
    return values
