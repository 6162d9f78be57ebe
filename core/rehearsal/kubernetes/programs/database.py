"""The way to the database: the Auth Proxy, and the programs that sign in through it."""

from __future__ import annotations

from core.rehearsal.kubernetes.programs.process import Problem, Process, running, unresolved
from core.rehearsal.mysql.accounts import Accounts, Refused

PROXIES = ("cloud-sql-proxy", "gce-proxy")
MLMD_TABLES = (
    "Artifact", "ArtifactProperty", "Association", "Attribution", "Context", "ContextProperty", "Event", "EventPath",
    "Execution", "ExecutionProperty", "MLMDEnv", "ParentContext", "ParentType", "Type", "TypeProperty",
)  # fmt: skip
KFP_TABLES = (
    "artifacts", "artifact_tasks", "db_statuses", "default_experiments", "experiments", "jobs", "pipeline_versions",
    "pipelines", "resource_references", "run_details", "run_metrics", "tasks",
)  # fmt: skip
PATIENCE = 360.0
"""Seconds for which the API server tries its database before it gives up."""


def image_name(image: str) -> str:
    """The last part of an image's name, without tag and digest."""
    return image.partition("@")[0].rpartition("/")[2].partition(":")[0]


def setting(process: Process, name: str, default: str = "") -> str:
    """A setting of the Auth Proxy's: an argument, or the variable that stands for it."""
    if process.has_flag(name):
        return "true"
    return process.flag(name) or process.env.get("CSQL_PROXY_" + name.upper().replace("-", "_"), default)


def connection_name(process: Process) -> str:
    """The instance that a proxy was told to reach."""
    for arg in process.args:
        if arg.startswith("-instances="):
            return arg.removeprefix("-instances=").partition("=")[0]
    plain = [a for a in process.args if not a.startswith("-") and a.count(":") >= 2]
    return plain[0] if plain else ""


def proxied(process: Process) -> Accounts | str:
    """The server that a proxy reaches, or why it reaches none."""
    name = connection_name(process)
    if not name or name.count(":") < 2 or unresolved(name):
        return f"invalid instance connection name: {name!r}; expected PROJECT:REGION:INSTANCE"
    project, _, instance = name.rsplit(":", 2)
    accounts = Accounts(process.world, f"{project}/{instance}")
    account = process.google_account()
    if not account or not process.world.identity.allowed(account, "cloudsql.instances.connect", f"projects/{project}"):
        who = account or "the pod's account, which may not act as a Google account,"
        return (
            f"failed to connect to instance: Dial error: googleapi: Error 403: {who} is not authorized to access resource, "
            "or it does not exist: boss::NOT_AUTHORIZED: Not authorized to access resource. Possibly missing permission "
            "cloudsql.instances.connect"
        )
    document = accounts.document
    if document is None:
        return f"failed to connect to instance: googleapi: Error 404: The Cloud SQL instance {name} does not exist."
    public = any(a.get("type") == "PRIMARY" for a in document.get("ipAddresses") or ())
    if image_name(process.container["image"]) == PROXIES[0] and setting(process, "private-ip") != "true" and not public:
        return 'instance does not have IP of type "PUBLIC"'
    return accounts


def proxy_checks(process: Process) -> list[Problem]:
    """What the Auth Proxy finds wrong when it starts; without a connection test it finds nothing of what it lacks."""
    name = connection_name(process)
    if not name or unresolved(name):
        return [Problem(f"invalid instance connection name: {name!r}")]
    if setting(process, "run-connection-test") != "true":
        return []
    found = proxied(process)
    return [Problem(f"connection test failed: {found}")] if isinstance(found, str) else []


def proxy_ports(process: Process) -> set[int]:
    """The database's port, and the one of its health where it was asked for."""
    if image_name(process.container["image"]) == "gce-proxy":
        return {3306, *([8090] if any("use_http_health_check" in a for a in process.args) else [])}
    ports = {int(setting(process, "port", "3306"))}
    if setting(process, "health-check") == "true" and setting(process, "http-address") == "0.0.0.0":
        ports.add(int(setting(process, "http-port", "9090")))
    return ports


def server_behind(process: Process, host: str, port: int) -> Accounts | str:
    """The database server that a host and port of the cluster lead to, or why they lead to none."""
    pods = process.backends(host, port)
    if isinstance(pods, str):
        return pods
    for pod in pods:
        for container in pod["spec"]["containers"]:
            if image_name(container["image"]) in PROXIES:
                proxy = running(process.world, process.cluster, pod, container)
                if proxy is not None:
                    found = proxied(proxy)
                    return found if isinstance(found, Accounts) else f"read tcp {host}:{port}: connection reset by peer"
    return f"read tcp {host}:{port}: connection reset by peer"


def sign_in(process: Process, host: str, port: str, user: str, password: str, *, native: bool = False) -> Accounts | str:
    """Signs in to the database behind a host; the server, or why it did not let the process in."""
    found = server_behind(process, host, int(port) if port.isdecimal() else 3306)
    if isinstance(found, str):
        return found
    try:
        found.sign_in(user, password, native_only=native)
    except Refused as error:
        return str(error)
    return found


def metadata_store(process: Process) -> Accounts | str:
    """ML Metadata's sign-in: its client knows the native plugin alone."""
    values = [process.flag(f"mysql_config_{name}") for name in ("host", "port", "user", "password")]
    return sign_in(process, *values, native=True)


def metadata_store_checks(process: Process) -> list[Problem]:
    """ML Metadata ends where it can't sign in."""
    if not process.flag("mysql_config_database"):
        return [Problem("MYSQL database name is not set")]
    found = metadata_store(process)
    return [Problem(f"mysql_real_connect failed: {found}", after=3.0)] if isinstance(found, str) else []


def metadata_store_effect(process: Process) -> None:
    """ML Metadata makes its database and its tables."""
    found = metadata_store(process)
    if isinstance(found, Accounts):
        found.make_database(process.flag("mysql_config_database"), MLMD_TABLES)


def api_server(process: Process) -> Accounts | str:
    """The API server's sign-in, with whatever plugin."""
    env = process.env

    def value(name: str) -> str:
        return env.get(f"DBCONFIG_MYSQLCONFIG_{name}") or env.get(f"DBCONFIG_{name}", "")

    return sign_in(process, value("HOST") or "mysql", value("PORT") or "3306", value("USER"), value("PASSWORD"))


def api_server_database(process: Process) -> str:
    """The name of the API server's database."""
    return process.env.get("DBCONFIG_MYSQLCONFIG_DBNAME") or process.env.get("DBCONFIG_DBNAME") or "mlpipeline"


def api_server_checks(process: Process) -> list[Problem]:
    """The API server wants its neighbour's address, and its database within a few minutes."""
    if not process.env.get("ML_PIPELINE_VISUALIZATIONSERVER_SERVICE_HOST"):
        return [Problem("Failed to initialize: ML_PIPELINE_VISUALIZATIONSERVER_SERVICE_HOST is not set")]
    found = api_server(process)
    if isinstance(found, str):
        probe = process.container.get("startupProbe") or {}
        patience = float(probe.get("periodSeconds", 10)) * float(probe.get("failureThreshold", 3)) if probe else PATIENCE
        return [Problem(f"Failed to initialize the database: {found}", after=min(PATIENCE, patience))]
    return []


def api_server_effect(process: Process) -> None:
    """The API server makes its database and its tables."""
    found = api_server(process)
    if isinstance(found, Accounts):
        found.make_database(api_server_database(process), KFP_TABLES)
        cache = process.config("pipeline-install-config").get("cacheDb")
        if cache:
            found.make_database(cache)
