"""Workbench's instance under the real Terraform: what the service adds, what needs it stopped, and where it is to be."""

from __future__ import annotations

from terraform_bench import PROJECT, Terraform

INSTANCE = """
resource "google_service_account" "a" {
  account_id = "notebook"
}

resource "google_workbench_instance" "w" {
  name          = "demo-notebook"
  location      = "us-central1-a"
  desired_state = "%(state)s"

  gce_setup {
    machine_type      = "%(machine)s"
    disable_public_ip = true
    metadata          = { enable-oslogin = "TRUE" }

    data_disks {
      disk_size_gb = 100
      disk_type    = "PD_BALANCED"
    }

    service_accounts {
      email = google_service_account.a.email
    }

    vm_image {
      project = "cloud-notebooks-managed"
      family  = "workbench-instances-2603"
    }
  }
%(more)s
}
"""
IGNORED = """
  lifecycle {
    ignore_changes = [gce_setup[0].metadata, gce_setup[0].vm_image]
  }
"""
PATH = f"WORKBENCH/projects/{PROJECT}/locations/us-central1-a/instances/demo-notebook"


def _text(machine: str = "e2-standard-4", state: str = "ACTIVE", more: str = IGNORED) -> str:
    return INSTANCE % {"machine": machine, "state": state, "more": more}


def test_an_instance_from_its_making_to_its_end(terraform: Terraform) -> None:
    """One Terraform folder, since each apply takes a while."""
    terraform.write(_text())
    terraform.apply()
    made = terraform.cloud.call("GET", PATH)
    assert (made["state"], made["gceSetup"]["dataDisks"][0]["diskSizeGb"]) == ("ACTIVE", "100")
    assert terraform.state()["google_workbench_instance.w"]["attributes"]["proxy_uri"] == made["proxyUri"]
    assert terraform.changes() == {}

    terraform.write(_text(more=""))
    assert terraform.changes() == {"google_workbench_instance.w": "update"}, "what the service adds is a change for ever"

    terraform.write(_text(machine="n2-standard-8"))
    terraform.apply()
    changed = terraform.cloud.call("GET", PATH)
    assert (changed["gceSetup"]["machineType"], changed["state"]) == ("n2-standard-8", "ACTIVE")

    terraform.write(_text(machine="n2-standard-8", state="STOPPED"))
    terraform.apply()
    assert terraform.cloud.call("GET", PATH)["state"] == "STOPPED"
    assert terraform.changes() == {}

    terraform.write("")
    terraform.apply()
    terraform.cloud.call("GET", PATH, expect=404)
