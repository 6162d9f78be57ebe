"""Networks and what stands in them: Compute Engine's global and regional resources, each change an operation."""

from __future__ import annotations

import ipaddress
from typing import Any

from core.rehearsal.provider.client import Json
from core.rehearsal.provider.convert import expand
from core.rehearsal.provider.errors import ResourceFailed
from core.rehearsal.provider.links import completed
from core.rehearsal.provider.plan import Path
from core.rehearsal.provider.resources.base import FAILURES, Resource
from core.rehearsal.provider.session import Session
from core.rehearsal.provider.values import UNKNOWN, State


class Compute(Resource):
    """A resource of Compute Engine; a bare network's name is completed with the project."""

    service = "compute"

    def wait(self, session: Session, values: dict[str, str], answer: Json, activity: str, timeout: float) -> None:
        if answer.get("name"):
            session.operations.compute(values["project"], answer, activity, timeout)

    def encode(self, session: Session, body: Json, plan: State, config: State) -> Json:
        values = self.values(session, plan)
        if body.get("network"):
            body["network"] = completed(body["network"], "global/networks", parent=f"projects/{values['project']}")
        if "region" in body or "region" in self.block.attributes:
            body["region"] = f"projects/{values['project']}/global/regions/{values['region']}"
        return body

    def finish(self, session: Session, found: State, answer: Json, prior: State) -> State | None:
        if "region" in found and not found["region"]:
            found["region"] = session.region
        return super().finish(session, found, answer, prior)


class Network(Compute):
    """``google_compute_network``."""

    label, kind = "Network", "ComputeNetwork"
    collection = "projects/{project}/global/networks"
    path = id = "projects/{project}/global/networks/{name}"
    imports = ("projects/{project}/global/networks/{name}", "{project}/{name}", "{name}")

    def encode(self, session: Session, body: Json, plan: State, config: State) -> Json:
        body.setdefault("routingConfig", {})["deleteBgpAlwaysCompareMed"] = False
        return super().encode(session, body, plan, config)

    def made(self, session: Session, state: State, values: dict[str, str], answer: Json) -> None:
        super().made(session, state, values, answer)
        if state.get("delete_default_routes_on_create"):
            raise ResourceFailed("delete_default_routes_on_create is not simulated in a rehearsal", state)


class Subnetwork(Compute):
    """``google_compute_subnetwork``: a range may grow in place, never shrink."""

    label, kind = "Subnetwork", "ComputeSubnetwork"
    collection = "projects/{project}/regions/{region}/subnetworks"
    path = id = "projects/{project}/regions/{region}/subnetworks/{name}"
    imports = (
        "projects/{project}/regions/{region}/subnetworks/{name}",
        "{project}/{region}/{name}",
        "{region}/{name}",
        "{name}",
    )
    own_calls = ("ip_cidr_range", "private_ip_google_access")

    def encode(self, session: Session, body: Json, plan: State, config: State) -> Json:
        body["logConfig"] = {**body.get("logConfig", {}), "enable": bool(plan.get("log_config"))}
        return super().encode(session, body, plan, config)

    def decode(self, session: Session, answer: Json, state: State) -> Json:
        log = answer.get("logConfig") or {}
        return {**answer, "logConfig": log if log.get("enable") else None}

    def replaces(self, prior: State, plan: State) -> list[Path]:
        """A smaller range needs a new subnetwork."""
        before, after = prior.get("ip_cidr_range"), plan.get("ip_cidr_range")
        if not isinstance(before, str) or not isinstance(after, str) or before == after:
            return []
        one, other = ipaddress.ip_network(before, strict=False), ipaddress.ip_network(after, strict=False)
        grows = isinstance(one, ipaddress.IPv4Network) and isinstance(other, ipaddress.IPv4Network) and one.subnet_of(other)
        return [] if grows else [("ip_cidr_range",)]

    def change(self, session: Session, prior: State, state: State, changes: set[str], config: State) -> None:
        values = self.values(session, state)
        path = self.path.format_map(values)
        calls: list[tuple[str, str, Json]] = []
        if "ip_cidr_range" in changes:
            calls.append(("POST", "/expandIpCidrRange", {"ipCidrRange": state["ip_cidr_range"]}))
        if "private_ip_google_access" in changes:
            calls.append(
                ("POST", "/setPrivateIpGoogleAccess", {"privateIpGoogleAccess": bool(state["private_ip_google_access"])})
            )
        rest = changes - set(self.own_calls)
        if rest:
            body = self.partial(session, prior, state, rest, config)
            body["fingerprint"] = (self.fetch(session, values) or {}).get("fingerprint")
            calls.append(("PATCH", "", body))
        for method, verb, body in calls:
            answer = session.google.call("compute", method, path + verb, body=body)
            self.wait(session, values, answer, "Updating Subnetwork", self.timeout(state, "update"))


class Router(Compute):
    """``google_compute_router``, written under the lock that its NATs take too."""

    label, kind = "Router", "ComputeRouter"
    collection = "projects/{project}/regions/{region}/routers"
    path = id = "projects/{project}/regions/{region}/routers/{name}"
    imports = (
        "projects/{project}/regions/{region}/routers/{name}",
        "{project}/{region}/{name}",
        "{region}/{name}",
        "{name}",
    )

    def encode(self, session: Session, body: Json, plan: State, config: State) -> Json:
        return super().encode(session, {"bgp": None, **body}, plan, config)

    def create(self, session: Session, plan: State, config: State) -> State:
        with session.locks.of(f"router/{self.values(session, plan)['region']}/{plan['name']}"):
            return super().create(session, plan, config)


class Firewall(Compute):
    """``google_compute_firewall``."""

    label, kind = "Firewall", "ComputeFirewall"
    collection = "projects/{project}/global/firewalls"
    path = id = "projects/{project}/global/firewalls/{name}"
    imports = ("projects/{project}/global/firewalls/{name}", "{project}/{name}", "{name}")

    def encode(self, session: Session, body: Json, plan: State, config: State) -> Json:
        if plan.get("log_config"):
            body["logConfig"] = {**body["logConfig"], "enable": True}
        else:
            given = plan.get("enable_logging")
            body["logConfig"] = {"enable": given is not UNKNOWN and bool(given)}
        return super().encode(session, body, plan, config)

    def decode(self, session: Session, answer: Json, state: State) -> Json:
        log = answer.get("logConfig") or {}
        return {**answer, "logConfig": log if log.get("enable") else None}

    def finish(self, session: Session, found: State, answer: Json, prior: State) -> State | None:
        found["enable_logging"] = bool((answer.get("logConfig") or {}).get("enable")) or None
        if not found.get("direction"):
            found["direction"] = "INGRESS"
        return super().finish(session, found, answer, prior)


class GlobalAddress(Compute):
    """``google_compute_global_address``: labels are not taken when it is made, so a second call sets them."""

    label, kind = "GlobalAddress", "ComputeGlobalAddress"
    collection = "projects/{project}/global/addresses"
    path = id = "projects/{project}/global/addresses/{name}"
    imports = ("projects/{project}/global/addresses/{name}", "{project}/{name}", "{name}")

    def made(self, session: Session, state: State, values: dict[str, str], answer: Json) -> None:
        super().made(session, state, values, answer)
        if state.get("effective_labels"):
            try:
                self._set_labels(session, state, values)
            except FAILURES as error:
                raise ResourceFailed(f"Error adding labels to ComputeGlobalAddress {state['id']}: {error}", state) from error

    def change(self, session: Session, prior: State, state: State, changes: set[str], config: State) -> None:
        if "effective_labels" in changes:
            self._set_labels(session, state, self.values(session, state))

    def _set_labels(self, session: Session, state: State, values: dict[str, str]) -> None:
        fingerprint = (self.fetch(session, values) or {}).get("labelFingerprint")
        body = {"labels": state["effective_labels"], "labelFingerprint": fingerprint}
        answer = session.google.call("compute", "POST", self.path.format_map(values) + "/setLabels", body=body)
        self.wait(session, values, answer, "Setting labels on GlobalAddress", self.timeout(state, "update"))


class RouterNat(Compute):
    """``google_compute_router_nat``: an entry in its router's list, changed by patching the router."""

    label, kind = "RouterNat", "ComputeRouterNat"
    path = "projects/{project}/regions/{region}/routers/{router}"
    id = "{project}/{region}/{router}/{name}"
    imports = (
        "projects/{project}/regions/{region}/routers/{router}/{name}",
        "{project}/{region}/{router}/{name}",
        "{region}/{router}/{name}",
        "{router}/{name}",
    )

    def create(self, session: Session, plan: State, config: State) -> State:
        state = self.settled(plan)
        values = self.values(session, state)
        state["id"] = self.id.format_map(values)
        with session.locks.of(f"router/{values['region']}/{values['router']}"):
            try:
                nats = self._nats(session, values)
                if any(n["name"] == values["name"] for n in nats):
                    raise ResourceFailed(f"Unable to create RouterNat, existing object already found: {values['name']}")
                answer = self._patch(session, values, [*nats, self._entry(state)])
            except FAILURES as error:
                raise ResourceFailed(f"Error creating RouterNat: {error}") from error
            self.made(session, state, values, answer)
        return self.read_again(session, state)

    def fetch(self, session: Session, values: dict[str, str]) -> Json | None:
        return next((n for n in self._nats(session, values) if n["name"] == values["name"]), None)

    def change(self, session: Session, prior: State, state: State, changes: set[str], config: State) -> None:
        values = self.values(session, state)
        with session.locks.of(f"router/{values['region']}/{values['router']}"):
            nats = [n for n in self._nats(session, values) if n["name"] != values["name"]]
            answer = self._patch(session, values, [*nats, self._entry(state)])
            self.wait(session, values, answer, "Updating RouterNat", self.timeout(state, "update"))

    def remove(self, session: Session, state: State, values: dict[str, str]) -> Json:
        with session.locks.of(f"router/{values['region']}/{values['router']}"):
            nats = self._nats(session, values)
            left = [n for n in nats if n["name"] != values["name"]]
            if len(left) == len(nats):
                return {}
            answer = self._patch(session, values, left)
            self.wait(session, values, answer, "Deleting RouterNat", self.timeout(state, "delete"))
        return {}

    def _entry(self, state: State) -> Json:
        """The list's entry, with the lists that the real provider sends even where they are empty."""
        empty: Json = {"initialNatIps": [], "nat64Subnetworks": [], "rules": [], "subnetworks": []}
        return {**empty, **expand(self.block, state)}

    def _nats(self, session: Session, values: dict[str, str]) -> list[dict[str, Any]]:
        router = session.google.call("compute", "GET", self.path.format_map(values))
        return list(router.get("nats", []))

    def _patch(self, session: Session, values: dict[str, str], nats: list[Json]) -> Json:
        return session.google.call("compute", "PATCH", self.path.format_map(values), body={"nats": nats})
