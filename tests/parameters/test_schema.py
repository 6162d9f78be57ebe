"""The JSON Schema and the documentation say what the specification and the validation say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest

from core.parameters import documentation, schema, validation
from core.parameters.specification import NOT_YET, PARAMETERS, defaults
from tests.parameters.test_validation import WRONG

BEYOND_A_SCHEMA = (
    "multiple of 256", "CPUs", "0.9 to 6.5 GB", "Cloud SQL keeps", "there is no such folder", "inside the range", "Docker",
    "a private IPv4 range",
)  # fmt: skip
"""What only `validation` can tell: it reckons, or looks at the machine."""
TOLD = [(key, value) for key, value, allowed in WRONG if not allowed.startswith(BEYOND_A_SCHEMA)]


@pytest.fixture(scope="module")
def validator() -> Any:
    found = schema.json_schema()
    jsonschema.Draft202012Validator.check_schema(found)
    return jsonschema.Draft202012Validator(found)


def test_the_schema_takes_the_defaults(validator: Any) -> None:
    validator.validate({k: v for k, v in defaults().items() if v is not None})


def test_every_parameter_is_in_it_and_nothing_else() -> None:
    assert list(schema.json_schema()["properties"]) == [p.key for p in PARAMETERS]


@pytest.mark.parametrize("key", NOT_YET)
def test_it_refuses_what_is_not_supported_yet(validator: Any, key: str) -> None:
    assert not validator.is_valid({key: "x"})


@pytest.mark.parametrize(("key", "value"), TOLD, ids=lambda v: str(v)[:30])
def test_it_refuses_what_the_validation_refuses(validator: Any, key: str, value: Any) -> None:
    assert not validator.is_valid({key: value})


def test_what_it_takes_of_the_defaults_the_validation_takes(validator: Any) -> None:
    for key, value in defaults().items():
        if value is not None:
            assert validator.is_valid({key: value})
            assert validation.problems({key: value}, environment="demo") == []


def test_the_documentation_is_the_specifications() -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "parameters.md"
    assert page.read_text() == documentation.markdown(), "python -P -m core.parameters.documentation > docs/parameters.md"
