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
from core.terraform import providers_mirror

FAKE = """
import sys, zipfile
from pathlib import Path
Path(sys.argv[1]).open("a").write("started\\n")
if sys.argv[2] == "fails":
    print("Error: Failed to query available provider packages")
    sys.exit(1)
folder = Path(sys.argv[-1]) / "registry.terraform.io" / "hashicorp" / "google"
folder.mkdir(parents=True)
with zipfile.ZipFile(folder / "terraform-provider-google_7.45.0_linux_amd64.zip", "w") as archive:
    archive.writestr("terraform-provider-google_v7.45.0_x5", "#!/bin/sh\\n")
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "platform"
    folder.mkdir()
    (folder / "versions.tf").write_text('terraform { required_providers { google = { source = "hashicorp/google" } } }')
    return folder


def command(root: Path, does: str = "works") -> list[str]:
    (root / "fake.py").write_text(FAKE)
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
