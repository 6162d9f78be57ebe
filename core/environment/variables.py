"""Variables of the user's environment that name files, for all who read them or pass them on."""

from __future__ import annotations

CA_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE",
                "HTTPLIB2_CA_CERTS", "GIT_SSL_CAINFO")  # fmt: skip
"""Those in which a user may name a bundle of authorities for one client; what any of them names, every client trusts."""
PLACES = (*CA_VARIABLES, "SSL_CERT_DIR", "MLOPS_ENV_HOME", "MLOPS_ENV_REHEARSAL", "CLOUDSDK_CONFIG",
          "GOOGLE_APPLICATION_CREDENTIALS")  # fmt: skip
"""Those whose value may be relative to the folder that the user is in."""
