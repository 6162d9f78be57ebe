"""A cluster's API: what is applied to it, what comes up in it, and how its pods are reached.

`client` is the one connection and `errors` what it answers when it won't; `resources` knows where kinds live. On it stand
`apply` (many objects, in order), `rollouts` (until they are up) with `diagnosis` (why they are not), `port_forward` (a
library, and a listener that lasts) and `kubeconfig` (the same cluster for kubectl).
"""
