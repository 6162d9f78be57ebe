"""Google Cloud's APIs: one client for all calls, the sign-in behind it, and what a company's network needs.

`client` sends every call, `discovery` makes it, `errors` says what a refusal means, `operations` waits for what takes long;
`credentials` knows who is signed in, `metadata_server` hands their tokens to the run's children, `network` holds proxies
and trust for every client; `secret_manager`, `iam` and `storage` are what several steps do with these APIs.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from core.gcp.client import Google

__all__ = ["Google"]


def __getattr__(name: str) -> Any:
    """The client, loaded by who asks for it: a program that lives for one connection needs none."""
    if name == "Google":
        from core.gcp.client import Google

        return Google
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
