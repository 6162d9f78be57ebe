"""``google_container_cluster``, with the real one's habits that an installation meets.

Asked to stop while a cluster is being made, it answers success and keeps the operation, and the next read waits for it; an
error after the creation began leaves the cluster in the state (Terraform calls it tainted). The first pool is removed only
as the end of a creation. ``deletion_protection`` is the provider's own: the state's value counts, not the configuration's.
"""

from __future__ import annotations

from core.rehearsal.provider.client import Json
from core.rehearsal.provider.convert import expand, flatten
from core.rehearsal.provider.errors import ApiError, ResourceFailed, WaitFailed
from core.rehearsal.provider.links import completed, relative
from core.rehearsal.provider.resources.base import FAILURES, Resource
from core.rehearsal.provider.resources.maintenance import maintenance_body, maintenance_state
from core.rehearsal.provider.resources.pool import await_rest, finish_pool, pool_answer, pool_body
from core.rehearsal.provider.session import Session
from core.rehearsal.provider.values import UNKNOWN, State

DESIRED = {
    "addons_config": "desiredAddonsConfig",
    "binary_authorization": "desiredBinaryAuthorization",
    "control_plane_endpoints_config": "desiredControlPlaneEndpointsConfig",
    "cost_management_config": "desiredCostManagementConfig",
    "database_encryption": "desiredDatabaseEncryption",
    "default_snat_status": "desiredDefaultSnatStatus",
    "dns_config": "desiredDnsConfig",
    "enable_intranode_visibility": "desiredIntraNodeVisibilityConfig.enabled",
    "enable_l4_ilb_subsetting": "desiredL4ilbSubsettingConfig.enabled",
    "enable_shielded_nodes": "desiredShieldedNodes.enabled",
    "gateway_api_config": "desiredGatewayApiConfig",
    "logging_config": "desiredLoggingConfig",
    "logging_service": "desiredLoggingService",
    "master_authorized_networks_config": "desiredMasterAuthorizedNetworksConfig",
    "min_master_version": "desiredMasterVersion",
    "monitoring_config": "desiredMonitoringConfig",
    "monitoring_service": "desiredMonitoringService",
    "node_locations": "desiredLocations",
    "node_version": "desiredNodeVersion",
    "private_ipv6_google_access": "desiredPrivateIpv6GoogleAccess",
    "release_channel": "desiredReleaseChannel",
    "security_posture_config": "desiredSecurityPostureConfig",
    "vertical_pod_autoscaling": "desiredVerticalPodAutoscaling",
    "workload_identity_config": "desiredWorkloadIdentityConfig",
}
"""Where a changed argument stands in an update; each is a call of its own, as in the real provider."""

BESIDE = ("min_master_version", "maintenance_policy", "remove_default_node_pool")
"""What is no field of the API, and makes an update call it all the same."""
UNSAID: Json = {
    "autoscaling": {"enableNodeAutoprovisioning": False},
    "binaryAuthorization": {"enabled": False},
    "maintenancePolicy": {"window": {}},
    "networkPolicy": {},
    "notificationConfig": {"pubsub": {}},
}
"""What the real provider sends of a cluster where a configuration is silent."""

PROTECTED = (
    "Cannot destroy cluster because deletion_protection is set to true. Set it to false to proceed with cluster deletion."
)

LABELLING = ":setResourceLabels"
INSISTING, LONGEST_PAUSE = 30.0, 10.0


class Cluster(Resource):
    """See the module."""

    label, service = "cluster", "container"
    collection = "projects/{project}/locations/{location}/clusters"
    path = id = "projects/{project}/locations/{location}/clusters/{name}"
    imports = ("projects/{project}/locations/{location}/clusters/{name}", "{project}/{location}/{name}", "{location}/{name}")
    labels = "resource_labels"
    imported_values = {"deletion_protection": True}  # noqa: RUF012
    timeout_minutes = 40.0

    def values(self, session: Session, state: State) -> dict[str, str]:
        found = super().values(session, state)
        found.setdefault("location", session.zone or session.region)
        return found

    def customize(self, session: Session, prior: State | None, plan: State, config: State) -> None:
        super().customize(session, prior, plan, config)
        if prior is None and not config.get("project"):
            plan["project"] = UNKNOWN

    def create(self, session: Session, plan: State, config: State) -> State:
        values = self.values(session, plan)
        timeout = self.timeout(plan, "create")
        state = {
            **self.settled(plan),
            "id": self.id.format_map(values),
            "location": values["location"],
            "project": values["project"],
        }
        self.fetch(session, values)  # for the version of a maintenance policy, which only a cluster that is there has
        body = {"cluster": self._body(session, plan, values)}
        path = self.collection.format_map(values)
        with session.locks.of(f"google-container-cluster/{values['project']}/{values['location']}/{values['name']}"):
            try:
                answer = session.google.call("container", "POST", path, body=body)
            except FAILURES as error:
                raise ResourceFailed(str(error)) from error
            try:
                session.operations.container(values["project"], values["location"], answer, "creating GKE cluster", timeout)
            except WaitFailed as failed:
                if failed.stopped:
                    return {**state, "operation": answer["name"]}
                gone = self.fetch(session, values) is None
                raise ResourceFailed(str(failed), None if gone else state) from failed
            if state.get("remove_default_node_pool"):
                self._remove_default_pool(session, state, values, timeout)
            await_rest(session, self.path.format_map(values), timeout)
        return self.read_again(session, state)

    def read(self, session: Session, state: State, *, applied: bool = False) -> State | None:
        if state.get("operation"):
            values = self.values(session, state)
            try:
                operation = {"name": state["operation"]}
                timeout = self.timeout(state, "read")
                session.operations.container(
                    values["project"], values["location"], operation, "resuming GKE cluster", timeout
                )
            except WaitFailed as failed:
                raise ResourceFailed(str(failed), state) from failed
            state = {**state, "operation": None}
        return super().read(session, state, applied=applied)

    def fetch(self, session: Session, values: dict[str, str]) -> Json | None:
        try:
            return session.google.call("container", "GET", self.path.format_map(values))
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def imported(self, session: Session, given: str) -> State:
        state = super().imported(session, given)
        await_rest(session, state["id"], self.timeout(state, "create"))
        return state

    def delete(self, session: Session, state: State) -> None:
        if state.get("deletion_protection"):
            raise ResourceFailed(
                PROTECTED,
                state,
            )
        super().delete(session, state)

    def not_read(self, state: State, error: Exception) -> str:
        return f'Error when reading or editing Container Cluster "{state["name"]}": {error}'

    def not_changed(self, prior: State, error: Exception) -> str:
        return str(error)

    def not_deleted(self, state: State, error: Exception) -> str:
        return f"Error deleting Cluster: {error}"

    def remove(self, session: Session, state: State, values: dict[str, str]) -> Json:
        timeout = self.timeout(state, "delete")
        path = self.path.format_map(values)
        await_rest(session, path, timeout)
        with session.locks.of(f"google-container-cluster/{values['project']}/{values['location']}/{values['name']}"):
            answer = self._deleted(session, path)
            session.operations.container(values["project"], values["location"], answer, "deleting GKE cluster", timeout)
        return {}

    def _deleted(self, session: Session, path: str) -> Json:
        """Asks for the deletion, whatever the refusal, for `INSISTING` seconds."""
        pause, spent = 0.5, 0.0
        while True:
            try:
                return session.google.call("container", "DELETE", path)
            except FAILURES:
                if spent >= INSISTING:
                    raise
            session.pace.sleep(pause)
            spent += pause
            pause = min(LONGEST_PAUSE, pause * 2)

    def decode(self, session: Session, answer: Json, state: State) -> Json:
        network = dict(answer.get("networkConfig") or {})
        project = self.values(session, state)["project"]
        if not network.get("network") and answer.get("network"):
            network["network"] = completed(answer["network"], "global/networks", parent=f"projects/{project}")
        for name in ("network", "subnetwork"):
            if network.get(name):
                network[name] = relative(network[name])
        zone = answer.get("location")
        return {
            **answer,
            "networkConfig": network,
            "locations": [place for place in answer.get("locations", []) if place != zone],
            "nodePools": [],
        }

    def finish(self, session: Session, found: State, answer: Json, prior: State) -> State | None:
        pools = self.block.blocks["node_pool"].block
        before = {p.get("name"): p for p in prior.get("node_pool") or []}
        found["node_pool"] = [
            finish_pool(session, flatten(pools, pool_answer(p), before.get(p.get("name"), {})))
            for p in answer.get("nodePools", [])
        ]
        found["initial_node_count"] = answer.get("initialNodeCount", 0)
        found["maintenance_policy"] = maintenance_state(answer.get("maintenancePolicy") or {})
        found["networking_mode"] = (
            "VPC_NATIVE" if (answer.get("ipAllocationPolicy") or {}).get("useIpAliases", True) else "ROUTES"
        )
        found["operation"] = None
        auth = answer.get("masterAuth") or {}
        self._read_private(found, answer)
        for block in found["master_auth"]:
            issued = (auth.get("clientCertificateConfig") or {}).get("issueClientCertificate", False)
            block["client_certificate_config"] = [{"issue_client_certificate": issued}]
        return super().finish(session, found, answer, prior)

    def _read_private(self, found: State, answer: Json) -> None:
        """The block of private clusters, which the API tells in three places by now."""
        addresses = (answer.get("controlPlaneEndpointsConfig") or {}).get("ipEndpointsConfig") or {}
        private, network = answer.get("privateClusterConfig") or {}, answer.get("networkConfig") or {}
        found["private_cluster_config"] = [{
            "enable_private_endpoint": not addresses.get("enablePublicEndpoint", False),
            "enable_private_nodes": bool(network.get("defaultEnablePrivateNodes")),
            "master_ipv4_cidr_block": private.get("masterIpv4CidrBlock", ""),
            "peering_name": private.get("peeringName", ""),
            "private_endpoint": addresses.get("privateEndpoint", ""),
            "private_endpoint_subnetwork": addresses.get("privateEndpointSubnetwork", ""),
            "public_endpoint": addresses.get("publicEndpoint", ""),
            "master_global_access_config": [{"enabled": bool(addresses.get("globalAccess"))}],
        }]  # fmt: skip

    def change(self, session: Session, prior: State, state: State, changes: set[str], config: State) -> None:
        values = self.values(session, state)
        full = self._body(session, state, values)
        path = self.path.format_map(values)
        with session.locks.of(f"google-container-cluster/{values['project']}/{values['location']}/{values['name']}"):
            for method, verb, body in self._calls(session, values, state, changes, full):
                answer = session.google.call("container", method, path + verb, body=body)
                what = "updating GKE resource labels" if verb == LABELLING else "updating GKE cluster"
                session.operations.container(
                    values["project"], values["location"], answer, what, self.timeout(state, "update")
                )
            if "remove_default_node_pool" in changes and state.get("remove_default_node_pool"):
                self._remove_default_pool(session, state, values, self.timeout(state, "update"), may_be_gone=True)

    def changes(self, prior: State, state: State) -> set[str]:
        return super().changes(prior, state) | {a for a in BESIDE if prior.get(a) != state.get(a)}

    def _calls(
        self, session: Session, values: dict[str, str], state: State, changes: set[str], full: Json
    ) -> list[tuple[str, str, Json]]:
        calls: list[tuple[str, str, Json]] = []
        for name in sorted(changes & DESIRED.keys()):
            calls.append(("PUT", "", {"update": self._desired(name, state, full)}))
        if "private_cluster_config" in changes:
            wanted = (state.get("private_cluster_config") or [{}])[0]
            calls.append(
                ("PUT", "", {"update": {"desiredDefaultEnablePrivateNodes": bool(wanted.get("enable_private_nodes"))}})
            )
        if "effective_labels" in changes:
            fingerprint = (self.fetch(session, values) or {}).get("labelFingerprint")
            body = {"resourceLabels": state["effective_labels"], "labelFingerprint": fingerprint}
            calls.append(("POST", LABELLING, body))
        if "enable_legacy_abac" in changes:
            calls.append(("POST", ":setLegacyAbac", {"enabled": bool(state["enable_legacy_abac"])}))
        if "network_policy" in changes:
            calls.append(("POST", ":setNetworkPolicy", {"networkPolicy": full.get("networkPolicy") or {"enabled": False}}))
        if "maintenance_policy" in changes:
            version = ((self.fetch(session, values) or {}).get("maintenancePolicy") or {}).get("resourceVersion", "")
            policy = {**(full.get("maintenancePolicy") or {}), "resourceVersion": version}
            calls.append(("POST", ":setMaintenancePolicy", {"maintenancePolicy": policy}))
        return calls

    def _desired(self, name: str, state: State, full: Json) -> Json:
        where, _, inner = DESIRED[name].partition(".")
        if name in ("min_master_version", "node_version"):
            return {where: state[name]}
        value: object = full
        for part in (self.block.attributes.get(name) or self.block.blocks[name]).api:
            value = value.get(part) if isinstance(value, dict) else None
        return {where: {inner: bool(value)} if inner else value}

    def _body(self, session: Session, plan: State, values: dict[str, str]) -> Json:
        body = {**UNSAID, **expand(self.block, plan)}
        body["networkConfig"] = network = body.get("networkConfig", {})
        private = body.get("privateClusterConfig", {})
        network["defaultEnablePrivateNodes"] = bool(private.pop("enablePrivateNodes", False))
        if not private:
            body.pop("privateClusterConfig", None)
        body.pop("location", None)
        project = f"projects/{values['project']}"
        body["network"] = completed(network.pop("network", "default"), "global/networks", parent=project)
        if "subnetwork" in network:
            region = values["location"].rpartition("-")[0] if values["location"].count("-") == 2 else values["location"]
            body["subnetwork"] = completed(network.pop("subnetwork"), "subnetworks", parent=f"{project}/regions/{region}")
        if plan.get("networking_mode") != "ROUTES":
            body.setdefault("ipAllocationPolicy", {})["useIpAliases"] = True
        if plan.get("min_master_version") not in (None, UNKNOWN):
            body["initialClusterVersion"] = plan["min_master_version"]
        body.pop("currentNodeVersion", None)
        if body.get("locations"):
            body["locations"] = sorted({*body["locations"], values["location"]})
        if plan.get("maintenance_policy"):
            body["maintenancePolicy"] = maintenance_body(plan["maintenance_policy"])
        pools = plan.get("node_pool")
        if pools and pools is not UNKNOWN:
            block = self.block.blocks["node_pool"].block
            body["nodePools"] = [pool_body(block, pool) for pool in pools]
            body.pop("initialNodeCount", None)
            body.pop("nodeConfig", None)
        return body

    def _remove_default_pool(
        self, session: Session, state: State, values: dict[str, str], timeout: float, *, may_be_gone: bool = False
    ) -> None:
        path = self.path.format_map(values) + "/nodePools/default-pool"
        try:
            answer = session.google.call("container", "DELETE", path)
            session.operations.container(
                values["project"], values["location"], answer, "removing default node pool", timeout
            )
        except (*FAILURES, WaitFailed) as error:
            if may_be_gone and isinstance(error, ApiError) and error.status == 404:
                return
            raise ResourceFailed(f"Error deleting default node pool: {error}", state) from error
