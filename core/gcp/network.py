"""What a company's network needs, said once for every client: the proxy, the names it is not for, and whom to trust.

Each client reads other variables for these, in other ways, and some send loopback through a proxy. So what the user set,
in whichever variable, is read here and handed to each client in its own way. Loopback is always exempt: the simulated
cloud, the run's metadata server and port-forwards live there.
"""

from __future__ import annotations

import ipaddress
import os
import ssl
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from core.environment import Cloud
from core.environment.paths import at_home
from core.environment.variables import CA_VARIABLES
from core.errors import UsageError
from core.gcp.properties import gcloud_property, gcloud_proxy

LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Proxies:
    """The proxies of an environment of variables; ``exempt`` are hosts, domains and ranges that go straight."""

    http: str = ""
    https: str = ""
    exempt: tuple[str, ...] = LOOPBACK

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Proxies:
        """What the variables say; small letters win, as in curl."""

        def first(*names: str) -> str:
            return next((environ[n] for n in names if environ.get(n)), "")

        anything = first("all_proxy", "ALL_PROXY")
        listed = [e.strip() for e in first("no_proxy", "NO_PROXY").split(",") if e.strip()]
        return cls(
            _with_scheme(first("http_proxy", "HTTP_PROXY") or anything),
            _with_scheme(first("https_proxy", "HTTPS_PROXY") or anything),
            tuple(dict.fromkeys([*listed, *LOOPBACK])),
        )

    def for_url(self, url: str) -> str | None:
        """The proxy that a URL is reached through; None: straight."""
        parts = urllib.parse.urlsplit(url)
        proxy = self.https if parts.scheme in ("https", "wss") else self.http
        return proxy if proxy and not self.exempts(parts.hostname or "") else None

    def exempts(self, host: str) -> bool:
        """Whether a host is reached without a proxy."""
        host = host.lower().rstrip(".")
        address = _address(host)
        if address is not None and address.is_loopback:
            return True
        return any(_matches(entry.lower(), host, address) for entry in self.exempt)

    def variables(self) -> dict[str, str]:
        """The variables that tell a child the same, in both spellings."""
        found = {"http_proxy": self.http, "https_proxy": self.https}
        found = {name: value for name, value in found.items() if value}
        if found:
            found["no_proxy"] = ",".join(self.exempt)
        return {**found, **{name.upper(): value for name, value in found.items()}}

    def passwords(self) -> list[str]:
        """The passwords inside the proxies' URLs, for the redactor."""
        found = [urllib.parse.urlsplit(url).password for url in (self.http, self.https) if url]
        return [urllib.parse.unquote(p) for p in found if p]


def proxies(environ: Mapping[str, str] | None = None) -> Proxies:
    """The proxies of this process: those of the variables, else gcloud's own, which a company may have set there alone."""
    variables = os.environ if environ is None else environ
    found = Proxies.of(variables)
    if found.http or found.https or not (gclouds := gcloud_proxy(variables)):
        return found
    return replace(found, http=gclouds, https=gclouds)


KEPT = ("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TERM", "TMPDIR", "LD_LIBRARY_PATH",
        "SSH_AUTH_SOCK", "MLOPS_ENV_HOME", "TF_CLI_CONFIG_FILE", "GIT_EXEC_PATH", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM",
        "GIT_CONFIG_NOSYSTEM", "GIT_SSL_CAPATH", "CLOUDSDK_PYTHON", "SYSTEMROOT")  # fmt: skip
"""What a child inherits, with the locale and XDG's folders: nothing that could hold a token, or send it to another cloud."""

PROVIDER_ENDPOINTS: dict[str, tuple[str, str]] = {
    "GOOGLE_COMPUTE_CUSTOM_ENDPOINT": ("compute", "compute/v1/"),
    "GOOGLE_COMPUTE_BETA_CUSTOM_ENDPOINT": ("compute", "compute/beta/"),
    "GOOGLE_CONTAINER_CUSTOM_ENDPOINT": ("container", "v1/"),
    "GOOGLE_CONTAINER_BETA_CUSTOM_ENDPOINT": ("container", "v1beta1/"),
    "GOOGLE_RESOURCE_MANAGER_CUSTOM_ENDPOINT": ("cloudresourcemanager", "v1/"),
    "GOOGLE_RESOURCE_MANAGER_V3_CUSTOM_ENDPOINT": ("cloudresourcemanager", "v3/"),
    "GOOGLE_IAM_CUSTOM_ENDPOINT": ("iam", "v1/"),
    "GOOGLE_IAM_BETA_CUSTOM_ENDPOINT": ("iam", "v1/"),
    "GOOGLE_IAM_CREDENTIALS_CUSTOM_ENDPOINT": ("iamcredentials", "v1/"),
    "GOOGLE_SERVICE_USAGE_CUSTOM_ENDPOINT": ("serviceusage", "v1/"),
    "GOOGLE_SERVICE_NETWORKING_CUSTOM_ENDPOINT": ("servicenetworking", "v1/"),
    "GOOGLE_SQL_CUSTOM_ENDPOINT": ("sqladmin", "sql/v1beta4/"),
    "GOOGLE_STORAGE_CUSTOM_ENDPOINT": ("storage", "storage/v1/"),
    "GOOGLE_SECRET_MANAGER_CUSTOM_ENDPOINT": ("secretmanager", "v1/"),
    "GOOGLE_ARTIFACT_REGISTRY_CUSTOM_ENDPOINT": ("artifactregistry", "v1/"),
    "GOOGLE_CLOUD_BUILD_CUSTOM_ENDPOINT": ("cloudbuild", "v1/"),
    "GOOGLE_CLOUD_BILLING_CUSTOM_ENDPOINT": ("cloudbilling", "v1/"),
    "GOOGLE_WORKBENCH_CUSTOM_ENDPOINT": ("notebooks", "v2/"),
    "GOOGLE_NOTEBOOKS_CUSTOM_ENDPOINT": ("notebooks", "v1/"),
}
"""The google provider's variables for another host of a service, with the API and the path that the variable ends in."""


def child_environment(
    cloud: Cloud, *, metadata_host: str | None = None, environ: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The whole environment of a child: what it may inherit, the network's settings, and the cloud's endpoints.

    With ``metadata_host`` (see `core.gcp.metadata_server`) the child gets its tokens there and nowhere else. Google's Go
    libraries look for a sign-in below HOME before they ask a metadata server, so that child's HOME is one that has none
    and leads to the user's Terraform settings.
    """
    source = os.environ if environ is None else environ
    kept = {k: v for k, v in source.items() if k in KEPT or k.startswith(("LC_", "XDG_"))}
    found = {**kept, **proxies(source).variables(), "CHECKPOINT_DISABLE": "1", "GIT_TERMINAL_PROMPT": "0"}
    if given_bundles(source) or cloud.ca_file:
        found |= dict.fromkeys(CA_VARIABLES, str(ca_bundle(cloud)))
    for name, (api, path) in PROVIDER_ENDPOINTS.items():
        if root := cloud.api_root(api):
            found[name] = root + path
    if root := cloud.api_root("storage"):
        found["GOOGLE_BACKEND_STORAGE_CUSTOM_ENDPOINT"] = f"{root}storage/v1/"
    if metadata_host:
        found |= {"GCE_METADATA_HOST": metadata_host, "HOME": str(_home_without_sign_in(source.get("HOME", "")))}
        found.pop("XDG_CONFIG_HOME", None)
    return found


def git_environment(cloud: Cloud) -> dict[str, str]:
    """A child's environment, with what a user tells git itself in variables, such as a mirror's address."""
    own = {k: v for k, v in os.environ.items() if k.startswith("GIT_CONFIG") or k == "GIT_ALLOW_PROTOCOL"}
    return {**child_environment(cloud), **own}


def _home_without_sign_in(real: str) -> Path:
    """A folder for HOME that leads to the user's Terraform settings, and holds nothing else."""
    from core.environment import Home

    home = Home.find().ensure("cache", "child-home")
    for name in (".terraformrc", ".terraform.d", ".netrc"):
        target, link = Path(real) / name, home / name
        if real and target.exists() and not link.is_symlink():
            link.symlink_to(target)
    return home


def given_bundles(environ: Mapping[str, str] | None = None) -> list[Path]:
    """The CA bundles that the user named, for one client or another; raises `UsageError` where a file is not there."""
    variables = os.environ if environ is None else environ
    found: dict[Path, None] = {}
    named = {name: variables.get(name, "") for name in CA_VARIABLES}
    named["gcloud's core/custom_ca_certs_file"] = gcloud_property("core", "custom_ca_certs_file", variables)
    for name, value in named.items():
        if value:
            path = at_home(value)
            if not path.is_file():
                raise UsageError(
                    f"{name} names {path}, and there is no such file.",
                    code="ca-bundle",
                    hint="Name a PEM file with the certificates to trust, or unset it.",
                )
            found[path] = None
    return list(found)


def ca_bundle(cloud: Cloud) -> Path:
    """One PEM file with everything to trust: the usual authorities, the machine's, the user's, and the cloud's own.

    It lies in the home's cache, named by its contents, for clients that take one file only.
    """
    from core.environment import Home
    from core.environment.files import write_atomically

    content = _trusted(cloud)
    path = Home.find().ensure("cache", "trust") / f"{_digest(content)}.pem"
    if not path.is_file():
        write_atomically(path, content)
    return path


def ssl_context(cloud: Cloud) -> ssl.SSLContext:
    """A context that trusts the same as `ca_bundle`."""
    return context_of(_trusted(cloud))


def context_of(authorities: str) -> ssl.SSLContext:
    """A context that trusts what the PEM text holds and nothing else."""
    context = ssl.create_default_context(cadata=authorities)
    context.verify_flags &= (
        ~ssl.VERIFY_X509_STRICT
    )  # many a company's authority lacks an extension that no other client asks for
    return context


def _trusted(cloud: Cloud) -> str:
    import certifi

    machine = ssl.get_default_verify_paths().openssl_cafile
    candidates = [Path(certifi.where()), Path(machine), *given_bundles(), cloud.ca_file]
    return _merged(tuple((p, p.stat().st_mtime_ns) for p in candidates if p and p.is_file()))


@lru_cache(maxsize=8)
def _merged(sources: tuple[tuple[Path, int], ...]) -> str:
    return "".join(_certificates([path for path, _ in sources]))


def _certificates(sources: list[Path]) -> list[str]:
    found: dict[str, None] = {}
    for source in sources:
        text = source.read_text(encoding="utf-8", errors="ignore")
        for part in text.split("-----BEGIN CERTIFICATE-----")[1:]:
            body = "".join(part.partition("-----END CERTIFICATE-----")[0].split())
            lines = "\n".join(body[i : i + 64] for i in range(0, len(body), 64))
            found[f"-----BEGIN CERTIFICATE-----\n{lines}\n-----END CERTIFICATE-----\n"] = None
    return list(found)


def _digest(text: str) -> str:
    import hashlib

    return hashlib.sha256(text.encode()).hexdigest()[:20]


def _with_scheme(url: str) -> str:
    return url if not url or "://" in url else f"http://{url}"


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None


def _matches(entry: str, host: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address | None) -> bool:
    if entry == "*":
        return True
    if address is not None and "/" in entry:
        try:
            return address in ipaddress.ip_network(entry, strict=False)
        except ValueError:
            return False
    name = entry.lstrip("*").lstrip(".").partition(":")[0] if "::" not in entry else entry
    return host == name or (address is None and host.endswith(f".{name}"))
