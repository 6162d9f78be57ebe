"""Kubeflow Pipelines' objects, built from the release's manifests and the mends that make them run on Google Cloud.

`source` gets the release (from GitHub, from a folder, or the stand-in set of a rehearsal), `overlay` lays out the folder
that kustomize is pointed at, `build` runs kustomize, and `parts` splits what comes out into what is applied when.
`mends` is the table of what the overlay changes, and why.
"""

from core.kustomize.build import build, render
from core.kustomize.checksums import annotate
from core.kustomize.mends import MENDS, Mend, find
from core.kustomize.overlay import Layout, Values, lay_out
from core.kustomize.parts import Manifests, Object, load, stored
from core.kustomize.source import Git, Release, fetched, given, on_github, stand_in

__all__ = [
    "MENDS",
    "Git",
    "Layout",
    "Manifests",
    "Mend",
    "Object",
    "Release",
    "Values",
    "annotate",
    "build",
    "fetched",
    "find",
    "given",
    "lay_out",
    "load",
    "on_github",
    "render",
    "stand_in",
    "stored",
]
