"""``docs/parameters.md``, made from the specification, so that it can't say something else.

Made anew by ``python -P -m core.parameters.documentation > docs/parameters.md``.
"""

from __future__ import annotations

from core.parameters.specification import PARAMETERS, PROFILES, Parameter

_HEAD = """# Parameters

The parameters of an environment. They are the keys of an answers file (`mlops-env install NAME --config FILE`, TOML) and of
`--set KEY=VALUE`; `mlops-env schema` prints the JSON Schema of such a file. What is left out takes its default. Labels are a
table in the file. On the command line `--set labels.NAME=VALUE` sets one beside those that are there, and
`--set labels=NAME=VALUE,…` gives all of them anew. The password of the database is no parameter: it is generated, or given
by `--sql-password-stdin`.

*Later* says what changing the value of an installed environment does: `fixed` is refused, `in place` changes it, `replaces`
makes anew what is made from it.
"""


def markdown() -> str:
    """The whole page."""
    parts = [_HEAD]
    for group in dict.fromkeys(p.group for p in PARAMETERS):
        parts.append(f"## {group}\n")
        parts.append("| key | type | default | allowed | later | what it is |\n|---|---|---|---|---|---|")
        parts += [_row(p) for p in PARAMETERS if p.group == group]
        parts.append("")
    return "\n".join([*parts, *_profiles()])


def _row(spec: Parameter) -> str:
    allowed = spec.allowed or ", ".join(f"`{c}`" for c in spec.choices) or {"boolean": "`true`, `false`"}.get(spec.kind, "")
    cells = (f"`{spec.key}`", spec.kind, _default(spec), allowed, spec.change, spec.help)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _default(spec: Parameter) -> str:
    if spec.from_profile:
        return "the profile's"
    if spec.default is None:
        return "found out"
    if isinstance(spec.default, bool):
        return f"`{str(spec.default).lower()}`"
    return "none" if spec.default in ({}, ()) else f"`{spec.default}`"


def _profiles() -> list[str]:
    rows = [
        "## Profiles\n",
        "| profile | nodes | disk of a node | Cloud SQL | notebook | for |",
        "|---|---|---|---|---|---|",
    ]
    for p in PROFILES.values():
        nodes = f"{p.node_initial} ({p.node_min}–{p.node_max}) `{p.node_machine_type}`"
        sql, notebook = f"`{p.sql_tier}`, {p.sql_availability}", f"`{p.notebook_machine_type}`, {p.notebook_disk_type}"
        rows.append(f"| `{p.name}` | {nodes} | {p.node_disk_gb} GB | {sql} | {notebook} | {p.summary} |")
    return [*rows, ""]


if __name__ == "__main__":
    print(markdown(), end="")
