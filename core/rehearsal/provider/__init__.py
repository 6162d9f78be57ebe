"""The stand-in for the provider ``hashicorp/google``: what the real Terraform runs in a rehearsal.

Terraform starts it as a process of its own through the file that `mirror` writes, and talks plugin protocol 5 to it over a
socket (`server`, `service`). It calls Google's REST APIs as the real provider does, at the custom endpoints that the
environment names, so that what Terraform makes is there for everything else that looks at the simulated cloud.

A resource type is a table in ``types/`` (`schema` reads it: arguments, and where each stands in the API) and, where the
real provider does more than a table can say, a class in `resources`. `plan` decides what a configuration would change,
`validation` what it may say, `convert` turns state into an API's JSON and back.

The package imports little, and what is heavy as late as it can: Terraform starts it several times in a run.
"""
