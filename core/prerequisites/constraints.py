"""The constraints of an organization that an environment may break, and how each would meet it.

Only what depends on the parameters, or what no parameter could obey, is asked for: see `OBEYED` for what holds always. A
constraint and its managed twin mean the same, and either may be in force.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.names import Names
from core.prerequisites import rules, wanted_services
from core.prerequisites.check import Answer
from core.prerequisites.rules import Rules
from core.prerequisites.there import IMAGE, KEY, NAT, NETWORK, NOTEBOOK, PLATFORM

ASK = "Ask whoever keeps the organization's policies for an exception for this project."


@dataclass(frozen=True, slots=True)
class Ours:
    """What is to be made, as far as constraints ask for it; ``parts`` are those of `core.prerequisites.there.PARTS`.

    What is there already has passed the constraints, which are enforced where something is made.
    """

    values: Mapping[str, Any]
    project: str
    names: Names
    parts: frozenset[str]

    @property
    def network(self) -> str:
        """The network, as policies name it."""
        return f"projects/{self.project}/global/networks/{self.names.network}"

    @property
    def places(self) -> list[str]:
        """Where something is made."""
        built = {str(self.values["build_region"])} if IMAGE in self.parts else set()
        return [str(self.values["region"]), *sorted(built - {str(self.values["region"])})]

    @property
    def services(self) -> tuple[str, ...]:
        """The services that are used."""
        return wanted_services.required(self.values)


@dataclass(frozen=True, slots=True)
class Constraint:
    """``breaks`` says whether rules forbid what is to be made; None: that can't be told from here, or harms little.

    ``why`` may name ``{what}``, the things that ``culprits`` finds refused; ``twin`` is the managed constraint of the same
    meaning; ``answers`` are values of parameters with which it would be obeyed.
    """

    id: str
    why: str
    hint: str
    breaks: Callable[[Rules, Ours], bool | None]
    concerns: Callable[[Ours], bool] = lambda ours: NETWORK in ours.parts
    twin: str = ""
    answers: tuple[Answer, ...] = ()
    culprits: Callable[[Rules, Ours], Sequence[str]] | None = None


def _enforced(found: Rules, _: Ours) -> bool:
    return rules.enforced(found)


def _told(found: Rules, _: Ours) -> bool | None:
    """Whether something is restricted whose effect on us can't be told."""
    return None if rules.restricted(found) else False


def _closed(found: Rules, ours: Ours) -> bool | None:
    """Whether everything is refused; None where something is restricted, and whether it is ours can't be told."""
    return True if rules.enforced(found) else _told(found, ours)


def _refused(*names: Callable[[Ours], str]) -> Callable[[Rules, Ours], bool | None]:
    return lambda found, ours: rules.refused(found, [name(ours) for name in names])


def _refused_but(*names: str) -> Callable[[Rules, Ours], bool | None]:
    return lambda found, _: rules.all_refused_but(found, names)


def _refused_services(found: Rules, ours: Ours) -> list[str]:
    return rules.refused_of(found, ours.services)


def _without_keys(found: Rules, ours: Ours) -> list[str]:
    used = [service for part, services in WITHOUT_KEYS.items() if part in ours.parts for service in services]
    return rules.refused_of(found, dict.fromkeys(used))


WITHOUT_KEYS = {
    PLATFORM: tuple(f"{name}.googleapis.com" for name in ("storage", "sqladmin", "artifactregistry", "secretmanager")),
    NETWORK: ("container.googleapis.com", "compute.googleapis.com"),
    NOTEBOOK: ("notebooks.googleapis.com", "compute.googleapis.com"),
}
"""The services in which something is made that a key of one's own could encrypt, and is made without one."""
NO_NOTEBOOK = (Answer("notebook", "none", "no notebook is made"),)
PRIVATE = (Answer("private_nodes", True, "nodes reach out through Cloud NAT, and have no public address"),)


def _notebook(ours: Ours) -> bool:
    return NOTEBOOK in ours.parts


def _notebook_vm(ours: Ours) -> bool:
    return _notebook(ours) and bool(ours.values["notebook"] == "vm")


def _accounts(ours: Ours) -> bool:
    """Whether service accounts are made."""
    return not ours.parts.isdisjoint((PLATFORM, NOTEBOOK))


def _anything(ours: Ours) -> bool:
    return bool(ours.parts)


def _platform(ours: Ours) -> bool:
    return PLATFORM in ours.parts


def _public_nodes(ours: Ours) -> bool:
    return NETWORK in ours.parts and not ours.values["private_nodes"]


def _of_cluster(name: str, demand: str) -> Constraint:
    """A constraint on clusters that ours can't obey."""
    return Constraint(f"container.managed.{name}", f"clusters must {demand}, and this one does not", ASK, _enforced)


_IDENTITY = (
    Constraint(
        "iam.disableServiceAccountKeyCreation", "no keys of service accounts may be made, and user_gcp_sa needs one",
        "Turn user_gcp_sa off: with Workload Identity no pipeline needs a key.", _enforced,
        lambda ours: KEY in ours.parts, "iam.managed.disableServiceAccountKeyCreation",
        (Answer("user_gcp_sa", False, "pipelines use Workload Identity, and no key"),),
    ),
    Constraint(
        "iam.disableServiceAccountCreation", "no service accounts may be made, and the environment has its own", ASK,
        _enforced, _accounts, "iam.managed.disableServiceAccountCreation",
    ),
    Constraint(
        "iam.allowedPolicyMemberDomains", "only members of certain domains may be granted roles",
        "Should a grant to one of Google's own service accounts be refused, ask for an exception for this project.",
        _told, _anything, "iam.managed.allowedPolicyMembers",
    ),
)  # fmt: skip
_PLACES = (
    Constraint(
        "gcp.resourceLocations", "nothing may be made in this region", "Choose a region that the policy allows.",
        lambda found, ours: rules.elsewhere(found, ours.places), _anything,
    ),
    Constraint(
        "gcp.restrictServiceUsage", "{what} may not be used", ASK,
        lambda found, ours: bool(_refused_services(found, ours)), _anything, culprits=_refused_services,
    ),
    Constraint(
        "gcp.restrictNonCmekServices", "{what} must encrypt with a key of yours, which this version can't be given", ASK,
        lambda found, ours: bool(_without_keys(found, ours)), _anything, culprits=_without_keys,
    ),
)  # fmt: skip
_NETWORK = (
    Constraint(
        "compute.vmExternalIpAccess", "no machine may have a public address, and private_nodes is off",
        "Turn private_nodes on: nodes reach out through Cloud NAT then.", _refused_but(),
        _public_nodes, "compute.managed.vmExternalIpAccess", PRIVATE,
    ),
    Constraint(
        "compute.restrictVpcPeering", "networks may be peered with certain others alone, and Cloud SQL's is",
        "Ask for Google's service networking to be among those that are allowed.",
        _closed,
    ),
    Constraint(
        "compute.restrictCloudNATUsage", "this project may not use Cloud NAT, the way out for private nodes and a notebook",
        f"{ASK} Or turn private_nodes off, and leave the notebook out.",
        _refused(lambda ours: f"projects/{ours.project}", lambda ours: f"projects/{ours.project}/regions/"
                 f"{ours.values['region']}/subnetworks/{ours.names.subnetwork}"),
        lambda ours: NAT in ours.parts,
    ),
    Constraint(
        "compute.requireVpcFlowLogs", "subnetworks must keep flow logs, and this one keeps none", ASK, _refused_but(),
    ),
)  # fmt: skip
_STORAGE = (
    Constraint(
        "storage.softDeletePolicySeconds", "what is deleted in a bucket must be kept for a while, and here it is not", ASK,
        _refused_but("0"), _platform,
    ),
    Constraint(
        "storage.retentionPolicySeconds", "what is written to a bucket must be kept for a while, and here it need not be",
        ASK, _refused_but(), _platform,
    ),
)  # fmt: skip
_BUILD = (
    Constraint(
        "cloudbuild.allowedWorkerPools", "builds must run in certain worker pools, and the image's runs in Google's own",
        f"{ASK} Or leave the image out.", _refused_but(), lambda ours: IMAGE in ours.parts,
        answers=(Answer("image", "none", "no image is built"),),
    ),
)  # fmt: skip
_CLUSTER = (
    Constraint(
        "container.managed.enablePrivateNodes", "clusters must have private nodes, and private_nodes is off",
        "Turn private_nodes on.", _enforced, _public_nodes, answers=PRIVATE,
    ),
    _of_cluster("enableBinaryAuthorization", "use Binary Authorization"),
    _of_cluster("enableSecretsEncryption", "encrypt their Secrets with a key of yours"),
    _of_cluster("enableGoogleGroupsRBAC", "know Google Groups"),
    _of_cluster("enableSecurityBulletinNotifications", "tell of security bulletins"),
    _of_cluster("disableRBACSystemBindings", "bind no role to all who are signed in"),
)  # fmt: skip
_WORKBENCH = (
    Constraint(
        "compute.trustedImageProjects", "machines may not boot from Workbench's images", ASK,
        _refused(lambda _: "projects/cloud-notebooks-managed"), _notebook, answers=NO_NOTEBOOK,
    ),
    Constraint(
        "ainotebooks.restrictVpcNetworks", "notebooks may not stand in this network", ASK,
        _refused(lambda ours: ours.network), _notebook, answers=NO_NOTEBOOK,
    ),
    Constraint(
        "ainotebooks.disableRootAccess", "notebooks must shut out root, and this one does not", ASK, _enforced, _notebook,
        answers=NO_NOTEBOOK,
    ),
    Constraint(
        "ainotebooks.accessMode", "notebooks may not be open to all who may act as their account", ASK,
        _refused(lambda _: "service-account"), _notebook, answers=NO_NOTEBOOK,
    ),
    Constraint(
        "ainotebooks.environmentOptions", "notebooks may be made from certain images alone", ASK,
        _closed, _notebook, answers=NO_NOTEBOOK,
    ),
    Constraint(
        "compute.disableGuestAttributesAccess", "machines may not tell their host keys",
        "An ssh connection then can't know the notebook's host key beforehand: compare it by hand.",
        lambda found, _: None if rules.enforced(found) else False, _notebook_vm,
    ),
)  # fmt: skip

CONSTRAINTS: tuple[Constraint, ...] = (
    *_IDENTITY, *_PLACES, *_NETWORK, *_STORAGE, *_BUILD, *_CLUSTER, *_WORKBENCH
)  # fmt: skip

OBEYED = (
    "compute.managed.requireOsLogin", "compute.requireOsLogin", "compute.requireShieldedVm",
    "compute.restrictSharedVpcSubnetworks", "compute.restrictSharedVpcHostProjects", "compute.skipDefaultNetworkCreation",
    "storage.uniformBucketLevelAccess", "storage.publicAccessPrevention", "sql.restrictPublicIp",
    "sql.managed.restrictPublicIp", "sql.restrictAuthorizedNetworks", "iam.automaticIamGrantsForDefaultServiceAccounts",
    "cloudbuild.useBuildServiceAccount",
    "cloudbuild.useComputeServiceAccount", "cloudbuild.disableCreateDefaultServiceAccount", "ainotebooks.restrictPublicIp",
    "container.managed.enableShieldedNodes", "container.managed.enableWorkloadIdentityFederation",
    "container.managed.disallowDefaultComputeServiceAccount", "container.managed.disableABAC",
    "container.managed.disableLegacyClientCertificateIssuance", "container.managed.enableControlPlaneDNSOnlyAccess",
)  # fmt: skip
"""Constraints that every environment obeys by what it is, whatever its parameters: nobody needs to ask for them."""
