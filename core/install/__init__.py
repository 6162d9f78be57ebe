"""The steps of an installation, one module a step, and the plan that joins them into a graph.

A step's module offers ``step(installation) -> Step``. `facts` is the table of everything that steps tell one another,
`installation` what they all work on, `plan` the graph.
"""
