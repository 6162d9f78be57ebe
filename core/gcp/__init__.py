"""Google Cloud's APIs: one client for all calls, the sign-in behind it, and what a company's network needs.

`client` sends every call, `discovery` makes it, `errors` says what a refusal means, `operations` waits for what takes long;
`credentials` knows who is signed in, `metadata_server` hands their tokens to the run's children, `network` holds proxies
and trust for every client; `secret_manager`, `iam` and `storage` are what several steps do with these APIs.
"""

from core.gcp.client import Google

__all__ = ["Google"]
