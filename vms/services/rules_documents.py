"""The rules per instrument as the JSON of the command line and the API."""

from __future__ import annotations

import json
from dataclasses import asdict

from vms.domain.instrument_rules import RulesVersion
from vms.services.instrument_rules import RulesLook, RulesStanding


def version_document(version: RulesVersion) -> dict[str, object]:
    """Return a version as a list has it."""
    yes = version.approval
    return {
        "version": version.version,
        "based_on": version.based_on,
        "sha256": version.sha256,
        "reason": version.reason,
        "by": version.by_name,
        "at": version.at,
        "approval": None if yes is None else {"by": yes.by_name, "at": yes.at, "proof": yes.proof},
    }


def look_document(look: RulesLook) -> dict[str, object]:
    """Return a version with its document, and what it says otherwise than the one that it was made from."""
    changes = [asdict(one) for one in look.changes]
    return version_document(look.version) | {"waits": look.waits, "changes": changes, "document": json.loads(look.version.text)}


def standing_document(standing: RulesStanding) -> dict[str, object]:
    return {
        "in_force": standing.rules.version,
        "document": json.loads(standing.text),
        "waiting": None if standing.waiting is None else standing.waiting.version,
        "versions": [version_document(one) for one in standing.versions],
    }
