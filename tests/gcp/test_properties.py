"""A company's network that only gcloud was told of: its proxy and its authorities hold for every client here."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.environment import Cloud
from core.errors import UsageError
from core.gcp import network
from core.gcp.properties import gcloud_property, gcloud_proxy

DEFAULT = """\
[core]
account = you@example.com
custom_ca_certs_file = {ca}

[proxy]
type = http_no_tunnel
address = proxy.corp
port = 3128
username = me
password = p@ss/word
"""


@pytest.fixture
def gcloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """gcloud's folder, with one configuration."""
    folder = tmp_path / "gcloud"
    (folder / "configurations").mkdir(parents=True)
    (tmp_path / "corp.pem").write_text("")
    (folder / "configurations" / "config_default").write_text(DEFAULT.format(ca=tmp_path / "corp.pem"))
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(folder))
    return folder


def test_gclouds_proxy_is_everybodys_where_no_variable_names_one(gcloud: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = network.proxies()
    assert found.for_url("wss://tunnel.cloudproxy.app/v4/connect") == "http://me:p%40ss%2Fword@proxy.corp:3128"
    assert found.for_url("wss://127.0.0.1:1/v4/connect") is None
    assert set(found.passwords()) == {"p@ss/word"}, "it is kept out of every log"
    assert network.child_environment(Cloud())["HTTPS_PROXY"] == found.https

    monkeypatch.setenv("HTTPS_PROXY", "http://another:1")
    assert network.proxies().for_url("https://example.com") == "http://another:1"


def test_gclouds_authorities_are_trusted_and_one_that_is_gone_is_named(gcloud: Path, tmp_path: Path) -> None:
    assert network.given_bundles() == [tmp_path / "corp.pem"]
    (tmp_path / "corp.pem").unlink()
    with pytest.raises(UsageError, match="gcloud's core/custom_ca_certs_file names"):
        network.given_bundles()


def test_the_active_configuration_and_variables_come_as_gcloud_takes_them(
    gcloud: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (gcloud / "configurations" / "config_work").write_text("[proxy]\naddress=work.corp\nport=8080\n")
    (gcloud / "active_config").write_text("work\n")
    assert gcloud_proxy() == "http://work.corp:8080"
    monkeypatch.setenv("CLOUDSDK_ACTIVE_CONFIG_NAME", "default")
    assert gcloud_property("core", "account") == "you@example.com"
    monkeypatch.setenv("CLOUDSDK_PROXY_ADDRESS", "variable.corp")
    assert "@variable.corp:3128" in gcloud_proxy()


@pytest.mark.parametrize("text", ["", "[proxy]\naddress = half.corp\n", "no section = 1\n[", "\x00\xff"])
def test_what_says_nothing_is_no_proxy(gcloud: Path, text: str) -> None:
    (gcloud / "configurations" / "config_default").write_text(text, encoding="latin-1")
    assert gcloud_proxy() == ""


def test_a_proxy_of_another_kind_is_refused_in_a_sentence(gcloud: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUDSDK_PROXY_TYPE", "socks5")
    with pytest.raises(UsageError, match="of the type socks5"):
        network.proxies()
