project_id     = "my-project"
region         = "us-central1"
zone           = "us-central1-a"
environment    = "demo"
environment_id = "abcdef"

name       = "demo-notebook"
account_id = "demo-nb-abcdef"
kind       = "container"

image = {
  repository = "us-central1-docker.pkg.dev/my-project/demo-images/kfp-dev"
  tag        = "latest"
}

network    = "projects/my-project/global/networks/demo-network"
subnetwork = "projects/my-project/regions/us-central1/subnetworks/demo-subnet"

registry = {
  project  = "my-project"
  location = "us-central1"
  name     = "demo-images"
}

artifact_bucket = "demo-artifacts-abcdef"
build_bucket    = "demo-build-abcdef"
