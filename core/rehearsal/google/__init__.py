"""Google's REST APIs as a rehearsal serves them; `app` is all that the outside needs.

`discovery` finds the documented method of a request, `validation` holds the request against it, `calls` registers who
answers it, `operations` are the long ones, `iam_policy` and `roles` say who may. Below them stands one module a service.
"""

from core.rehearsal.google.app import app

__all__ = ["app"]
