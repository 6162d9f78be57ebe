"""The providers' mirror: filled once a machine, by Terraform itself, and unpacked."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest
from terraform_work import Heard

from core.environment import Cloud, Home
from core.errors import TemporaryError
from core.rehearsal.provider import mirror as stand_in
from core.resources import folder
from core.terraform import providers_mirror
from core.toolchain import find

FAKE = """
import sys
from pathlib import Path
Path(sys.argv[1]).open("a").write("started\\n")
if sys.argv[2] == "fails":
    print("Error: Failed to query available provider packages")
    sys.exit(1)
folder = Path(".terraform/providers/registry.terraform.io/hashicorp/google/7.45.0/linux_amd64")
folder.mkdir(parents=True)
(folder / "terraform-provider-google_v7.45.0_x5").write_text("#!/bin/sh\\n")
(folder / "terraform-provider-google_v7.45.0_x5").chmod(0o755)
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    made = tmp_path / "platform"
    made.mkdir()
    (made / "versions.tf").write_text('terraform { required_providers { google = { source = "hashicorp/google" } } }')
    return made


def command(root: Path, does: str = "works") -> list[str]:
    fake = root / "fake.py"
    if not fake.exists():  # one that runs already may be reading it
        fake.write_text(FAKE)
    return [sys.executable, str(root / "fake.py"), str(root / "started"), does]


async def mirrored(root: Path, source: Path, does: str = "works") -> Path:
    environment = {"PATH": os.environ["PATH"]}
    return await providers_mirror(
        Cloud(), Home.find(), command=command(root, does), environment=environment, source=source, reporter=Heard()
    )


async def test_it_is_unpacked_and_can_be_run(tmp_path: Path, source: Path) -> None:
    mirror = await mirrored(tmp_path, source)
    provider = mirror / "registry.terraform.io/hashicorp/google/7.45.0/linux_amd64/terraform-provider-google_v7.45.0_x5"
    assert os.access(provider, os.X_OK)


async def test_it_is_filled_once_though_many_ask_at_once(tmp_path: Path, source: Path) -> None:
    found = await asyncio.gather(*(mirrored(tmp_path, source) for _ in range(4)))
    assert len(set(found)) == 1
    assert (tmp_path / "started").read_text() == "started\n"


async def test_another_demand_fills_it_anew(tmp_path: Path, source: Path) -> None:
    await mirrored(tmp_path, source)
    (source / "versions.tf").write_text("# another version")
    await mirrored(tmp_path, source)
    assert (tmp_path / "started").read_text() == "started\n" * 2


async def test_a_registry_out_of_reach_is_worth_another_try(tmp_path: Path, source: Path) -> None:
    with pytest.raises(TemporaryError) as caught:
        await mirrored(tmp_path, source, "fails")
    assert "Failed to query" in caught.value.cause
    await mirrored(tmp_path, source)


async def test_it_comes_from_the_mirror_that_the_users_own_configuration_names(tmp_path: Path, source: Path) -> None:
    theirs = stand_in.write(tmp_path / "theirs", rate=0)
    own = tmp_path / "own.tfrc"
    own.write_text(f'provider_installation {{\n  filesystem_mirror {{\n    path = "{theirs}"\n  }}\n}}\n')
    (source / "versions.tf").write_bytes((folder("terraform") / "platform/versions.tf").read_bytes())
    environment = {"PATH": os.environ["PATH"], "TF_CLI_CONFIG_FILE": str(own), "CHECKPOINT_DISABLE": "1"}
    mirror = await providers_mirror(
        Cloud(), Home.find(), command=find("terraform").command, environment=environment, source=source, reporter=Heard()
    )
    assert mirror != theirs
    [provider] = mirror.rglob("terraform-provider-google_*")
    assert (provider.is_symlink(), os.access(provider, os.X_OK)) == (False, True)
    assert not [p for p in mirror.rglob("*") if p.is_symlink()]


async def test_a_simulated_cloud_may_want_the_real_one(tmp_path: Path, source: Path) -> None:
    (tmp_path / "endpoints.json").write_text(json.dumps({"provider_mirror": ""}))
    found = await providers_mirror(
        Cloud("rehearsal", simulator=tmp_path),
        Home.find(),
        command=command(tmp_path),
        environment={"PATH": os.environ["PATH"]},
        source=source,
        reporter=Heard(),
    )
    assert found == Home.find().ensure("cache", "providers")


async def test_a_simulated_cloud_brings_its_own(tmp_path: Path, source: Path) -> None:
    (tmp_path / "endpoints.json").write_text(json.dumps({"provider_mirror": "/somewhere"}))
    found = await providers_mirror(
        Cloud("rehearsal", simulator=tmp_path),
        Home.find(),
        command=["false"],
        environment={},
        source=source,
        reporter=Heard(),
    )
    assert found == Path("/somewhere")
