# A small environment named demo, whose random id is abcdef. Choose your own project, name and id, and put them into the names.
project_id     = "my-project"
region         = "us-central1"
zone           = "us-central1-a"
environment    = "demo"
environment_id = "abcdef"

names = {
  network           = "demo-network"
  subnetwork        = "demo-subnet"
  pods_range        = "demo-pods"
  services_range    = "demo-services"
  router            = "demo-router"
  nat               = "demo-nat"
  sql_range         = "demo-sql-range"
  firewall_iap      = "demo-allow-iap-ssh"
  firewall_dataflow = "demo-allow-dataflow"
  cluster           = "demo-cluster"
  node_pool         = "demo-pool"
  registry          = "demo-images"
  sql_instance      = "demo-sql-abcdef"
  artifact_bucket   = "demo-artifacts-abcdef"
  build_bucket      = "demo-build-abcdef"
  pipelines_account = "demo-kfp-abcdef"
  nodes_account     = "demo-nodes-abcdef"
  build_account     = "demo-build-abcdef"
}

nodes = {
  machine_type = "e2-standard-4"
  disk_gb      = 100
  min          = 1
  max          = 3
  initial      = 1
  surge        = 1
}

sql = {
  version      = "MYSQL_8_4"
  tier         = "db-custom-1-3840"
  availability = "ZONAL"
}
