"""Secrets stay hidden in every form in which they could come back."""

from __future__ import annotations

import base64
import hashlib
import json
import urllib.parse

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.run.redact import HIDDEN, Redactor

SECRETS = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")) | st.just(" "), min_size=6, max_size=60)


def hides(secret: str, text: str) -> bool:
    redactor = Redactor()
    redactor.add(secret)
    return HIDDEN in redactor.text(text)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(secret=SECRETS, before=st.text(max_size=5), after=st.text(max_size=5))
def test_in_any_text(secret: str, before: str, after: str) -> None:
    assert hides(secret, before + secret + after)
    assert hides(secret, json.dumps({"a": before + secret + after}))
    assert hides(secret, urllib.parse.quote(before + secret + after, safe=""))
    assert hides(secret, urllib.parse.urlencode({"p": secret}))


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(secret=SECRETS, before=st.binary(max_size=4), after=st.binary(max_size=4))
def test_in_base64_at_any_offset(secret: str, before: bytes, after: bytes) -> None:
    assert hides(secret, base64.b64encode(before + secret.encode() + after).decode())
    assert hides(secret, base64.urlsafe_b64encode(before + secret.encode() + after).decode())


def test_as_the_hash_that_mysql_stores() -> None:
    inner = hashlib.sha1(b"hunter22").digest()
    assert hides("hunter22", "*" + hashlib.sha1(inner).hexdigest().upper())


def test_in_nested_values_and_keys() -> None:
    redactor = Redactor()
    redactor.add("hunter22")
    hidden = redactor.value({"hunter22": ["x hunter22", {"a": "hunter22"}], "n": 5, "none": None})
    assert "hunter22" not in json.dumps(hidden)
    assert hidden["n"] == 5


def test_what_is_too_short_to_hide_changes_nothing() -> None:
    redactor = Redactor()
    redactor.add("abc")
    assert redactor.text("abcdef") == "abcdef"
