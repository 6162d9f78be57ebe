"""The parameters of an environment: one specification, from which form, flags, answers file, JSON Schema and docs come.

`specification` is plain data (the fast commands import it, so it imports nothing heavy); `validation` checks values;
`answers` reads and writes the TOML file; `schema` gives the JSON Schema.
"""

from core.parameters.specification import PARAMETERS, PROFILES, Parameter, defaults, nearest, parameter

__all__ = ["PARAMETERS", "PROFILES", "Parameter", "defaults", "nearest", "parameter"]
