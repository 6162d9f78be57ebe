"""A devcontainer for a user's own folder: what its files say, what stands there already, and writing them.

The files are drawn up first and written on being asked, so that the command line, the app and a test show the same ones.
"""

from core.workstation.devcontainer.document import Wish
from core.workstation.devcontainer.draft import Draft, File, draft
from core.workstation.devcontainer.registry import prepare, sign_in
from core.workstation.devcontainer.templates import Template, template, templates
from core.workstation.devcontainer.writing import write

__all__ = ["Draft", "File", "Template", "Wish", "draft", "prepare", "sign_in", "template", "templates", "write"]
