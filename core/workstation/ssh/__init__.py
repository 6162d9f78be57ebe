"""The way to a machine over ssh: its entry in the user's configuration, and Identity-Aware Proxy's relay in between.

`target` says what a NAME or HOST means, `configuration` what ssh itself would do with it; `relay` opens a stream to a VM
that has no address of its own, and keeps it whole over a lost network (`stream`, `outgoing`, `frames`, `closing` are its
parts).
"""
