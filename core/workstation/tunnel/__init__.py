"""Tunnels: any port or socket of a host on this machine, over one SSH connection that is made again whenever it is lost.

`definition` and `book` say what a tunnel is, `preparing` and `choice` what it runs on; `running` keeps it up: listeners
(`listener`) that outlive every connection, a `gate` that holds who comes meanwhile, and one of two engines behind it.
`process` is its process, `tunnels` what commands and screens see of it.
"""
