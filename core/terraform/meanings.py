"""The errors of Google's that are well known, by their words: which pass by themselves, and what to do about the others."""

from __future__ import annotations

import re
from dataclasses import dataclass

_QUOTAS = "https://console.cloud.google.com/iam-admin/quotas"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What an error means; ``delay`` is above 0 where it passes, ``url`` a page of the console where only a person helps."""

    code: str
    pattern: str
    message: str
    hint: str = ""
    delay: float = 0.0
    url: str = ""

    @property
    def temporary(self) -> bool:
        """Whether another try can help."""
        return self.delay > 0


# The first that matches holds. A zone without machines speaks of resources, a rate of quotas, a quota of permissions, and
# many a thing that passes of a permission or a conflict: what is more special stands before what is more general.
MEANINGS = (
    Meaning(
        "stockout",
        r"GCE_STOCKOUT|ZONE_RESOURCE_POOL_EXHAUSTED|does not have enough resources available|stockout",
        "The zone has no machines of that type to give at the moment.",
        "Set another zone, or another machine type; a shortage can last for hours.",
    ),
    Meaning(
        "rate",
        r"rateLimitExceeded|RATE_LIMIT_EXCEEDED|per minute|Error 429: (?!.*QUOTA_EXCEEDED)",
        "Google was asked too much at once.",
        delay=15,
    ),
    Meaning(
        "quota",
        r"[Qq]uota '?\w*'? ?exceeded|Insufficient (regional )?quota|QUOTA_EXCEEDED|quotaExceeded|exceeded quota|"
        r"[Qq]uota.{0,60}(limit|exceed)",
        "A quota of the project is too small.",
        "Ask for more on the quota page, or choose a smaller profile; a trial's quotas grow by upgrading the account alone.",
        url=_QUOTAS,
    ),
    Meaning(
        "org-policy",
        r"constraints/\w+|[Cc]onstraint .{0,120}violated|violates constraint|organization polic(y|ies)",
        "An organization policy forbids it.",
        "Ask an administrator of the organization for an exception, or choose what the policy allows.",
    ),
    Meaning(
        "billing",
        r"BILLING_DISABLED|[Bb]illing .{0,40}(disabled|not enabled|must be enabled)",
        "Billing is off.",
        "Link a billing account to the project.",
    ),
    Meaning(
        "protected",
        r"deletion_protection.{0,40}(set to )?true|[Dd]eletion protection (is )?enabled|deletionProtection",
        "Deletion protection is on.",
        "destroy switches it off before it deletes anything.",
    ),
    Meaning(
        "disabled",
        r"SERVICE_DISABLED|accessNotConfigured|has not been used in project .* before or it is disabled",
        "An API that was just enabled does not answer yet.",
        delay=20,
    ),
    Meaning(
        "identity-pool",
        r"Identity Pool does not exist",
        "The project's pool of identities is not there yet.",
        delay=20,
    ),
    Meaning(
        "service-agent",
        r"Error code 7\b|[Ss]ervice [Aa]gent|service-\d+@|Google Compute Engine: Required '[\w.]+' permission",
        "One of Google's service agents does not have its role yet.",
        delay=30,
    ),
    Meaning(
        "account",
        r"[Ss]ervice ?[Aa]ccount \S+ (does not|doesn't) exist|"
        r"Error 40[04].*[Ss]ervice ?[Aa]ccount.*(not exist|not found)",
        "A service account that was just made is not known everywhere yet.",
        delay=10,
    ),
    Meaning(
        "policy-race",
        r"concurrent policy changes|Error 409.*\betag\b|ABORTED.*[Pp]olicy",
        "Two changed a policy at once.",
        delay=3,
    ),
    Meaning(
        "busy",
        r"operationInProgress|unable to queue the operation|resourceInUseByAnotherResource|resourceNotReady|"
        r"is already being used by|currently (creating|deleting|updating|upgrading)|failedPrecondition.*operation|"
        r"incompatible operation|conditionNotMet|staleSettings",
        "Something that it depends on is still busy.",
        delay=20,
    ),
    Meaning(
        "unavailable",
        r"Error 50\d|response code 50\d|"
        r"backendError|internalError|UNAVAILABLE|connection reset|\bEOF\b|i/o timeout|connection refused|"
        r"TLS handshake timeout|Client\.Timeout|context deadline exceeded|timeout while waiting for state|no such host|"
        r"server misbehaving|broken pipe",
        "Google did not answer properly.",
        delay=5,
    ),
    Meaning(
        "credentials",
        r"(Error|response code) 401|UNAUTHENTICATED|oauth2: |could not find default credentials|metadata: .*not defined",
        "Terraform got no token.",
        delay=5,
    ),
    Meaning(
        "state",
        r"Failed to (persist|save) state|[Ee]rror (loading|saving|uploading) state",
        "The state could not be read or written; what could not be written is kept in the work directory.",
        delay=5,
    ),
    Meaning(
        "release",
        r"Error releasing the state lock",
        "Terraform could not say whether it gave the state's lock back.",
        delay=5,
    ),
    Meaning(
        "provider",
        r"Plugin did not respond|plugin process exited|Unrecognized remote plugin|timeout while waiting for plugin to start",
        "The provider's process ended by itself.",
        delay=2,
    ),
)


def meaning(text: str) -> Meaning | None:
    """What an error's text means, where that is known."""
    return next((m for m in MEANINGS if re.search(m.pattern, text)), None)
