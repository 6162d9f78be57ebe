"""The rehearsal cloud: a process on loopback that stands in for Google Cloud, so that everything can be tried for real.

`world` is its state and physics: `store` (what exists, on disk at once), `clock` (simulated time), `scenario` (what the
user scripted), `faults` (what goes wrong, counted), `identity` (who calls, and may they). On it stand `google` (the REST
APIs), `kubernetes` (the cluster), `mysql` and `kubeflow` (what answers behind a port-forward) and `provider` (the
stand-in Terraform provider, a process of its own that calls the same APIs). `server` puts them on ports.

Nothing of the product imports this package; `core.environment.rehearsal` starts it as ``python -P -m core.rehearsal``.
"""
