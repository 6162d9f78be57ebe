"""``mlops-env ssh`` on a person's files: what ssh would not read, what it knows already, what it makes of an entry."""

from __future__ import annotations

import json

from person import Person
from ssh_client import needs_ssh

pytestmark = needs_ssh
BOX = ("ssh", "add", "box", "--set", "HostName=10.0.0.7")


def test_a_configuration_that_ssh_does_not_open_is_refused_in_its_own_line(person: Person) -> None:
    config = person.config("Host gpu\n  User joe\n")
    config.chmod(0o666)
    line = person.run("ssh", "-G", "box").stderr.decode().strip()
    assert "Bad owner or permissions" in line

    assert line in person.mlops(*BOX, code=2)
    assert [path.name for path in person.ssh_folder.iterdir()] == ["config"]
    assert config.read_text() == "Host gpu\n  User joe\n"


def test_an_alias_of_the_persons_own_is_not_overruled(person: Person) -> None:
    config = person.config("Host box\n  HostName 10.0.0.1\nHost *\n  UserKnownHostsFile ~/.ssh/known/%h\n  User joe\n")
    before = config.read_text()

    said = person.mlops(*BOX, code=2)
    assert "has an entry for box already" in said
    assert "hostname" in said
    assert config.read_text() == before
    assert person.mlops("ssh", "add", "box", "--set", "ForwardAgent=yes") == "ssh box\n", "what it does not say may be added"
    assert person.mlops("ssh", "add", "other", "--set", "HostName=10.0.0.7", "--set", "User=me") == "ssh other\n"
    assert person.mlops("ssh", "add", "other", "--set", "HostName=10.0.0.8") == "ssh other\n", "one of ours is written anew"


def test_a_user_is_no_part_of_a_hosts_name(person: Person) -> None:
    """ssh takes ``me@box`` for a user and a host, so that no block would ever be for it."""
    said = person.mlops("ssh", "add", "me@box", "--set", "HostName=10.0.0.7", code=2)
    assert "mlops-env ssh add box --set User=me" in said


def test_what_an_entry_sets_is_shown_as_ssh_sees_it(person: Person) -> None:
    person.mlops(*BOX, "--set", "ForwardAgent=yes", "--set", "LocalForward=8080 localhost:80")
    shown = person.mlops("ssh", "show", "box").splitlines()
    seen = person.run("ssh", "-G", "box").stdout.decode().splitlines()
    assert set(shown[1:]) <= set(seen)
    assert {"hostname 10.0.0.7", "forwardagent yes", "localforward 8080 [localhost]:80"} <= set(shown)


def test_a_program_that_is_gone_is_missed_whatever_its_folder_is_called(person: Person) -> None:
    person.mlops(*BOX, "--set", "ProxyCommand='/opt/a folder/mlops-env' ssh iap-proxy vm %p --project p --zone z")
    (problem,) = json.loads(person.mlops("ssh", "show", "box", "--output", "json"))["problems"]
    assert "/opt/a folder/mlops-env, which is gone" in problem


def test_a_byte_that_is_no_text_is_shown_as_such_on_a_terminal_that_takes_text_alone(person: Person) -> None:
    person.config(b"# caf\xe9\nHost gpu\n  IdentityFile ~/.ssh/caf\xe9\n")
    person.environment["PYTHONIOENCODING"] = "utf-8"
    assert "identityfile ~/.ssh/caf\N{REPLACEMENT CHARACTER}" in person.mlops("ssh", "show", "gpu").splitlines()
    shown = json.loads(person.mlops("ssh", "show", "gpu", "--output", "json"))
    assert shown["configuration"]["identityfile"] == ["~/.ssh/caf\N{REPLACEMENT CHARACTER}"]
    person.mlops("ssh", "add", "gpu", "--set", "User=me")
    assert "identityfile ~/.ssh/caf" in person.mlops("ssh", "show", "gpu")
