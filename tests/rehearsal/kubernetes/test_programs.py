"""What the programs of Kubeflow Pipelines check, each by the least that it needs around it."""

from __future__ import annotations

from typing import Any

import pytest
from simulated_cluster import PIPELINES, PROJECT, SQL, Bench, config_map, crd, deployment, secret, service

from core.rehearsal.google import iam_policy
from core.rehearsal.kubernetes.programs import PROGRAMS
from core.rehearsal.kubernetes.programs.process import expand, unresolved
from core.rehearsal.mysql import Accounts

INSTANCE = f"{PROJECT}/{SQL.rpartition(':')[2]}"
RBAC = "rbac.authorization.k8s.io/v1"
PROXY = "gcr.io/cloud-sql-connectors/cloud-sql-proxy:2.21.3"
SECONDS = 40


def last_words(bench: Bench, app: str = "web") -> str:
    """What a container said before it ended, or says now."""
    pod = bench.pods(app)[0]
    said = bench.controllers.log(pod, "main", True) or bench.controllers.log(pod, "main", False)
    return said[-1] if said else ""


def database(bench: Bench, *, plugin: str = "mysql_native_password", state: str = "RUNNABLE") -> None:
    """The instance and its user."""
    document = {"name": "i", "state": state, "databaseVersion": "MYSQL_8_4", "ipAddresses": [{"type": "PRIVATE"}]}
    bench.world.store.put("sql.instances", INSTANCE, document)
    user = {"name": "root", "host": "%", "instance": INSTANCE, "password": "pw", "plugin": plugin}
    bench.world.store.put("sql.users", f"{INSTANCE}/root@%", user)


def identity(bench: Bench, account: str = "proxy", *, bound: bool = True, role: str = "roles/cloudsql.client") -> None:
    """A Kubernetes account that stands for the pipelines' Google account."""
    marks = {"iam.gke.io/gcp-service-account": PIPELINES}
    bench.put({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": account, "annotations": marks}})
    if bound:
        resource = f"projects/{PROJECT}/serviceAccounts/{PIPELINES}"
        member = f"serviceAccount:{PROJECT}.svc.id.goog[default/{account}]"
        iam_policy.grant(bench.world, resource, "roles/iam.workloadIdentityUser", member, at_once=True)
    if role:
        iam_policy.grant(bench.world, f"projects/{PROJECT}", role, f"serviceAccount:{PIPELINES}", at_once=True)


def proxy(*args: str, connection: str = SQL) -> dict[str, Any]:
    """The Auth Proxy."""
    given = ["--run-connection-test", "--private-ip", "--address=0.0.0.0", *args, connection]
    return deployment("proxy", image=PROXY, spec={"serviceAccountName": "proxy"}, container={"args": given})


def with_proxy(bench: Bench, **given: Any) -> None:
    """A database that the cluster reaches at ``mysql:3306``."""
    database(bench, **given)
    identity(bench)
    bench.put(service("mysql", 3306, 3306, "proxy"), proxy())
    bench.turn(SECONDS)


def test_the_proxy_runs_for_an_account_that_may_connect(bench: Bench) -> None:
    with_proxy(bench)
    assert bench.available("proxy")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"bound": False}, "may not act as a Google account"),
        ({"role": ""}, "Possibly missing permission cloudsql.instances.connect"),
    ],
)
def test_the_proxy_needs_both_ends_of_workload_identity_and_the_role(
    bench: Bench, given: dict[str, Any], words: str
) -> None:
    database(bench)
    identity(bench, **given)
    bench.put(proxy())
    bench.turn(SECONDS)
    assert bench.restarts("proxy")
    assert words in last_words(bench, "proxy")


def test_the_proxy_comes_up_once_the_role_is_there(bench: Bench) -> None:
    database(bench)
    identity(bench, role="")
    bench.put(proxy())
    bench.turn(SECONDS)
    iam_policy.grant(
        bench.world, f"projects/{PROJECT}", "roles/cloudsql.client", f"serviceAccount:{PIPELINES}", at_once=True
    )
    bench.turn(60)
    assert bench.available("proxy")


@pytest.mark.parametrize(
    ("connection", "words"),
    [("$(NOT_SET)", "invalid instance connection name"), (f"{PROJECT}:us-central1:other", "does not exist")],
)
def test_the_proxy_needs_an_instance_that_is_there(bench: Bench, connection: str, words: str) -> None:
    database(bench)
    identity(bench)
    bench.put(proxy(connection=connection))
    bench.turn(SECONDS)
    assert words in last_words(bench, "proxy")


def test_a_private_instance_is_reached_by_its_private_address_alone(bench: Bench) -> None:
    database(bench)
    identity(bench)
    body = proxy()
    body["spec"]["template"]["spec"]["containers"][0]["args"].remove("--private-ip")
    bench.put(body)
    bench.turn(SECONDS)
    assert 'does not have IP of type "PUBLIC"' in last_words(bench, "proxy")


MLMD = deployment(
    "mlmd",
    image="gcr.io/tfx-oss-public/ml_metadata_store_server:1.14.0",
    container={
        "args": [
            "--mysql_config_database=metadb",
            "--mysql_config_host=mysql",
            "--mysql_config_port=3306",
            "--mysql_config_user=$(USER)",
            "--mysql_config_password=$(PASSWORD)",
        ],
        "env": [
            {"name": "USER", "valueFrom": {"secretKeyRef": {"name": "db", "key": "username"}}},
            {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}},
        ],
    },
)
LOGIN = secret("db", {"username": "root", "password": "pw"})


def test_ml_metadata_crashes_until_the_native_plugin_lets_it_in(bench: Bench) -> None:
    with_proxy(bench, plugin="caching_sha2_password")
    bench.put(LOGIN, MLMD)
    bench.turn(SECONDS)
    assert bench.restarts("mlmd")
    assert "Authentication plugin 'caching_sha2_password' cannot be loaded" in last_words(bench, "mlmd")
    accounts = Accounts(bench.world, INSTANCE)
    assert "metadb" not in accounts.databases()
    accounts.keep("root", "%", plugin="mysql_native_password")
    bench.turn(120)
    assert bench.available("mlmd")
    assert "Artifact" in accounts.tables("metadb")


def test_a_changed_secret_changes_nothing_until_a_restart(bench: Bench) -> None:
    with_proxy(bench)
    bench.put(secret("db", {"username": "root", "password": "wrong"}), MLMD)
    bench.turn(SECONDS)
    assert "Access denied for user 'root'" in last_words(bench, "mlmd")
    restarts = bench.pods("mlmd")[0]["status"]["containerStatuses"][0]["restartCount"]
    bench.put(LOGIN)
    bench.turn(60)
    assert bench.available("mlmd")
    assert bench.pods("mlmd")[0]["status"]["containerStatuses"][0]["restartCount"] >= restarts


def api_server(**env: str) -> dict[str, Any]:
    """The API server, told where its database is."""
    given = {
        "DBCONFIG_HOST": "mysql",
        "DBCONFIG_PORT": "3306",
        "DBCONFIG_USER": "root",
        "DBCONFIG_PASSWORD": "pw",
        "DBCONFIG_DBNAME": "mlpipeline",
        **env,
    }
    container = {"env": [{"name": k, "value": v} for k, v in given.items()], "ports": [{"containerPort": 8888}]}
    return deployment("api", image="ghcr.io/kubeflow/kfp-api-server:2.17.0", container=container)


def test_the_api_server_takes_either_plugin_and_makes_its_tables(bench: Bench) -> None:
    with_proxy(bench, plugin="caching_sha2_password")
    bench.put(service("ml-pipeline-visualizationserver", 8888, 8888, "vis"), api_server())
    bench.turn(SECONDS)
    assert bench.available("api")
    assert "run_details" in Accounts(bench.world, INSTANCE).tables("mlpipeline")


def test_the_api_server_needs_its_neighbours_service_before_it_starts(bench: Bench) -> None:
    with_proxy(bench)
    bench.put(api_server())
    bench.turn(SECONDS)
    assert "ML_PIPELINE_VISUALIZATIONSERVER_SERVICE_HOST is not set" in last_words(bench, "api")


def test_the_api_server_names_its_database_as_the_cause(bench: Bench) -> None:
    bench.put(service("ml-pipeline-visualizationserver", 8888, 8888, "vis"), api_server())
    bench.turn(400, step=20)
    assert bench.restarts("api")
    assert "Failed to initialize the database: lookup mysql: no such host" in last_words(bench, "api")


def test_a_reference_that_nobody_filled_in_is_an_end(bench: Bench) -> None:
    with_proxy(bench)
    bench.put(service("ml-pipeline-visualizationserver", 8888, 8888, "vis"), api_server(BUCKET="yourGcsBucketName"))
    bench.turn(SECONDS)
    assert "'yourGcsBucketName' was never filled in" in last_words(bench, "api")


def test_the_metadata_writer_gives_up_after_a_hundred_seconds(bench: Bench) -> None:
    bench.put(deployment(image="ghcr.io/kubeflow/kfp-metadata-writer:2.17.0"))
    bench.turn(SECONDS)
    assert bench.available(), "without a probe it counts as available"
    bench.turn(100)
    assert bench.restarts()
    assert "lookup metadata-grpc-service.kubeflow: no such host" in last_words(bench)


def _controller(bench: Bench, configuration: str = "{}") -> dict[str, Any]:
    bench.put(config_map("workflow-controller-configmap", {"artifactRepository": configuration}))
    for plural in ("workflows", "workflowtemplates", "cronworkflows", "workflowtasksets", "workflowtaskresults"):
        bench.put(crd("argoproj.io", plural.capitalize(), plural))
    bench.put({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "argo"}})
    image = "quay.io/argoproj/workflow-controller:v4.0.5"
    args = ["--configmap", "workflow-controller-configmap"]
    return deployment(image=image, spec={"serviceAccountName": "argo"}, container={"args": args})


def _role(bench: Bench, *without: str) -> None:
    argo = ["workflows", "workflowtemplates", "cronworkflows", "workflowtasksets", "workflowtaskresults"]
    rules = [
        {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["create", "get", "update"]},
        {"apiGroups": ["argoproj.io"], "resources": argo, "verbs": ["list", "watch"]},
        {"apiGroups": [""], "resources": ["pods", "configmaps"], "verbs": ["list", "watch"]},
    ]
    for rule in rules:
        rule["resources"] = [r for r in rule["resources"] if r not in without] or ["none"]
    metadata = {"name": "argo", "namespace": "default"}
    bench.put({"apiVersion": RBAC, "kind": "Role", "metadata": metadata, "rules": rules})
    reference, subjects = {"kind": "Role", "name": "argo"}, [{"kind": "ServiceAccount", "name": "argo"}]
    bench.put({"apiVersion": RBAC, "kind": "RoleBinding", "metadata": metadata, "roleRef": reference, "subjects": subjects})


@pytest.mark.parametrize(
    ("lacking", "words"),
    [
        ((), ""),
        (("leases",), "leases.coordination.k8s.io is forbidden"),
        (("workflowtaskresults",), 'cannot list resource "workflowtaskresults"'),
        (("pods",), 'cannot list resource "pods"'),
    ],
)
def test_argos_controller_needs_its_rights(bench: Bench, lacking: tuple[str, ...], words: str) -> None:
    body = _controller(bench)
    _role(bench, *lacking)
    bench.put(body)
    bench.turn(SECONDS)
    assert bool(bench.restarts()) == bool(words)
    assert words in last_words(bench)


def test_argos_controller_reads_its_configuration(bench: Bench) -> None:
    body = _controller(bench, "s3: [")
    _role(bench)
    bench.put(body)
    bench.turn(SECONDS)
    assert "failed to parse configmap workflow-controller-configmap" in last_words(bench)


@pytest.mark.parametrize(
    "image", ["kfp-persistence-agent", "kfp-scheduled-workflow-controller", "kfp-viewer-crd-controller"]
)
def test_a_controller_needs_its_crd_then_its_rights(bench: Bench, image: str) -> None:
    bench.put(deployment(image=f"ghcr.io/kubeflow/{image}:2.17.0"))
    bench.turn(SECONDS)
    assert "no matches for kind" in last_words(bench)
    for group, plural in (("argoproj.io", "workflows"), ("kubeflow.org", "scheduledworkflows"), ("kubeflow.org", "viewers")):
        bench.put(crd(group, plural.capitalize(), plural))
    bench.turn(60)
    assert "is forbidden" in last_words(bench)


@pytest.mark.parametrize(("key", "fine"), [("Abc123", True), ("a b;c", False), ("", False)])
def test_the_object_stores_keys_go_through_a_shell(bench: Bench, key: str, fine: bool) -> None:
    bench.put(secret("keys", {"accesskey": key, "secretkey": "x"}))
    source = {"envFrom": [{"secretRef": {"name": "keys"}}]}
    bench.put(deployment(image="ghcr.io/chrislusf/seaweedfs:4.34", container=source))
    bench.turn(SECONDS)
    assert bool(bench.restarts()) != fine


def test_an_init_container_that_is_told_nothing_ends(bench: Bench) -> None:
    wait = {"name": "wait", "image": "docker.io/alpine:3.23", "args": ['test -n "$WAIT_HOST"']}
    bench.put(deployment(spec={"initContainers": [wait]}))
    bench.turn(SECONDS)
    assert "WAIT_HOST or WAIT_PORT is not set" in bench.controllers.log(bench.pods()[0], "wait", True)[-1]


def test_references_are_put_in_as_kubernetes_does() -> None:
    assert expand("$(A)-$$(A)-$(B)", {"A": "1"}) == "1-$(A)-$(B)"
    assert unresolved("bucket $(kfp-artifact-bucket-name)")
    assert unresolved("yourGcsBucketName")
    assert not unresolved("gs://bucket/your-things")


def test_every_program_is_known_by_an_image_of_the_release() -> None:
    assert {"kfp-api-server", "kfp-frontend", "workflow-controller", "seaweedfs", "cloud-sql-proxy"} <= set(PROGRAMS)


def test_a_binding_of_everybody_may_be_forbidden(bench: Bench) -> None:
    from core.rehearsal.kubernetes import access
    from core.rehearsal.kubernetes.status import ApiError

    name, document = bench.world.store.items("container.clusters")[0]
    forbidding = {"rbacBindingConfig": {"enableInsecureBindingSystemAuthenticated": False}}
    bench.world.store.put("container.clusters", name, {**document, **forbidding})
    bench.cluster.guards.append(access.guard(bench.world, name))
    metadata = {"name": "b", "namespace": "default"}
    body = {"apiVersion": RBAC, "kind": "RoleBinding", "metadata": metadata, "roleRef": {"kind": "Role", "name": "r"}}
    with pytest.raises(ApiError, match="system:authenticated is not allowed"):
        bench.put({**body, "subjects": [{"kind": "Group", "name": "system:authenticated"}]})
    bench.put({**body, "subjects": [{"kind": "Group", "name": "system:serviceaccounts:default"}]})
