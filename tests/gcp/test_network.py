"""Proxies, trust and children's variables: the same for every client, loopback always straight."""

from __future__ import annotations

import datetime
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from core.environment import Cloud
from core.environment.variables import CA_VARIABLES
from core.errors import UsageError
from core.gcp import network
from core.gcp.network import Proxies


def authority(name: str) -> str:
    """A certificate that signs itself, in PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(True, None), True).sign(key, hashes.SHA256())
    )  # fmt: skip
    return made.public_bytes(serialization.Encoding.PEM).decode()


PROXY = {"HTTPS_PROXY": "http://proxy.corp:3128", "NO_PROXY": "internal.corp,.lan,10.0.0.0/8,*.svc"}


@pytest.mark.parametrize(
    ("url", "straight"),
    [
        ("https://container.googleapis.com/v1/x", False),
        ("https://internal.corp/", True),
        ("https://git.internal.corp/", True),
        ("https://notinternal.corp/", False),
        ("https://printer.lan/", True),
        ("https://a.svc/", True),
        ("https://10.1.2.3/", True),
        ("https://11.1.2.3/", False),
        ("https://127.0.0.1:8080/", True),
        ("https://127.9.9.9/", True),
        ("https://[::1]:8080/", True),
        ("https://localhost:8080/", True),
        ("http://example.com/", True),
    ],
)
def test_what_goes_through_the_proxy(url: str, straight: bool) -> None:
    assert (Proxies.of(PROXY).for_url(url) is None) == straight


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"])
def test_loopback_is_straight_whatever_is_set(name: str) -> None:
    proxies = Proxies.of({name: "proxy.corp:3128"})
    assert proxies.for_url("http://127.0.0.1:1/") is None
    assert proxies.for_url("http://example.com/") == "http://proxy.corp:3128"


def test_small_letters_win() -> None:
    assert Proxies.of({"https_proxy": "http://a:1", "HTTPS_PROXY": "http://b:1"}).https == "http://a:1"


def test_a_star_exempts_everything() -> None:
    assert Proxies.of({**PROXY, "NO_PROXY": "*"}).for_url("https://example.com") is None


def test_passwords_of_proxies_are_known_to_the_redactor() -> None:
    assert Proxies.of({"HTTPS_PROXY": "http://me:p%40ss@proxy:1"}).passwords() == ["p@ss"]


# -- trust


def test_one_bundle_holds_the_usual_ones_the_users_and_the_clouds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs, ours = tmp_path / "corp.pem", tmp_path / "cloud.pem"
    theirs.write_text(f"# Corp\n{authority('corp')}")
    ours.write_text(authority("cloud"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(theirs))
    cloud = Cloud(ca_file=ours)
    trusted = network.ssl_context(cloud).get_ca_certs()
    assert all(any(f"'{name}'" in str(c["subject"]) for c in trusted) for name in ("corp", "cloud"))
    assert len(trusted) > 50
    context = ssl.create_default_context(cafile=str(network.ca_bundle(cloud)))
    assert len(context.get_ca_certs()) == len(trusted)
    assert network.ca_bundle(cloud) == network.ca_bundle(cloud)


@pytest.mark.parametrize("name", CA_VARIABLES)
def test_whichever_variable_names_it_a_child_gets_it_in_all(name: str, tmp_path: Path) -> None:
    theirs = tmp_path / "corp.pem"
    theirs.write_text(authority("corp"))
    child = network.child_environment(Cloud(), environ={name: str(theirs)})
    assert len({child[v] for v in CA_VARIABLES}) == 1


def test_a_bundle_that_is_not_there_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/no/such.pem")
    with pytest.raises(UsageError, match=r"SSL_CERT_FILE names /no/such\.pem"):
        network.ssl_context(Cloud())


def test_without_any_the_machines_own_store_stays_in_force() -> None:
    assert not set(CA_VARIABLES) & set(network.child_environment(Cloud(), environ={"PATH": "/bin"}))


# -- children


def test_a_child_inherits_what_is_listed_and_no_sign_in() -> None:
    environ = {
        "PATH": "/bin", "HOME": "/home/me", "LC_ALL": "C.UTF-8", "TF_CLI_CONFIG_FILE": "/home/me/mirror.tfrc",
        "GOOGLE_APPLICATION_CREDENTIALS": "/k.json", "GOOGLE_CREDENTIALS": "{}", "GOOGLE_OAUTH_ACCESS_TOKEN": "ya29.x",
        "CLOUDSDK_AUTH_ACCESS_TOKEN": "ya29.x", "TF_VAR_password": "x", "TF_LOG": "trace", "AWS_SECRET_ACCESS_KEY": "x",
        "GOOGLE_COMPUTE_CUSTOM_ENDPOINT": "http://elsewhere/", "PYTHONPATH": "/x",
    }  # fmt: skip
    child = network.child_environment(Cloud(), environ=environ)
    for name in ("PATH", "HOME", "LC_ALL", "TF_CLI_CONFIG_FILE"):
        assert child[name] == environ[name]
    assert child["CHECKPOINT_DISABLE"] == "1"
    assert not {k for k in child if k.startswith(("GOOGLE", "TF_VAR", "AWS", "PYTHON", "TF_LOG", "CLOUDSDK_AUTH"))}


def test_a_child_is_told_the_proxies_in_both_spellings_with_loopback_exempt() -> None:
    child = network.child_environment(Cloud(), environ=PROXY)
    assert child["https_proxy"] == child["HTTPS_PROXY"] == "http://proxy.corp:3128"
    assert {"127.0.0.1", "localhost", "::1", "internal.corp"} <= set(child["NO_PROXY"].split(","))
    assert child["NO_PROXY"] == child["no_proxy"]


def test_a_simulated_clouds_child_is_pointed_there() -> None:
    child = network.child_environment(Cloud("rehearsal", google="http://127.0.0.1:9"), environ={})
    assert child["GOOGLE_COMPUTE_CUSTOM_ENDPOINT"] == "http://127.0.0.1:9/compute/compute/v1/"
    assert child["GOOGLE_CONTAINER_CUSTOM_ENDPOINT"] == "http://127.0.0.1:9/container/v1/"
    assert child["GOOGLE_IAM_BETA_CUSTOM_ENDPOINT"] == "http://127.0.0.1:9/iam/v1/"  # service accounts, whatever its name
    assert child["GOOGLE_BACKEND_STORAGE_CUSTOM_ENDPOINT"] == "http://127.0.0.1:9/storage/storage/v1/"
    assert not {k for k in network.child_environment(Cloud(), environ={}) if "ENDPOINT" in k}


def test_with_a_metadata_server_its_home_has_no_sign_in_but_leads_to_terraforms_settings(tmp_path: Path) -> None:
    real = tmp_path / "me"
    (real / ".config/gcloud").mkdir(parents=True)
    (real / ".config/gcloud/application_default_credentials.json").write_text("{}")
    (real / ".terraformrc").write_text("# mirrors")
    for _ in range(2):
        child = network.child_environment(
            Cloud(), metadata_host="127.0.0.1:1/x", environ={"HOME": str(real), "XDG_CONFIG_HOME": "/c"}
        )
    home = Path(child["HOME"])
    assert child["GCE_METADATA_HOST"] == "127.0.0.1:1/x"
    assert not (home / ".config").exists()
    assert (home / ".terraformrc").read_text() == "# mirrors"
    assert "XDG_CONFIG_HOME" not in child
