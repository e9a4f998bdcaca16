"""Mail the first checkpoint of each day to somebody outside, who keeps it: what he holds, nobody here can change."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy.orm import Session

from vms.config import Settings
from vms.services.outbox import post
from vms.store.mails import Attachment

_WHAT = (
    "The attached file is today's signature over the access log of {district}, the record of who watched which camera and why; it tells "
    "nothing of what the record says."
)
_KEEP = "Please keep this mail with its attachment where nobody from {district} can change it: there is nothing to open, answer or pay."
_CHECK = (
    "Whoever wants to know later whether the record was changed since today saves {name} and runs on the recording machine: "
    "vms log verify --against {name}"
)


def checkpoint_name(at: datetime) -> str:
    """Return the name under which the checkpoint of a day is handed out."""
    return f"{at.astimezone(UTC):%Y-%m-%d}.checkpoint"


def post_checkpoint(session: Session, settings: Settings, note: str, *, at: datetime) -> None:
    """Queue `note` for the outside address, in the transaction that signed it; nothing when that day had one, or no mail is set."""
    name = checkpoint_name(at)
    body = "\n\n".join(sentence.format(district=settings.district, name=name) for sentence in (_WHAT, _KEEP, _CHECK))
    post(
        session,
        settings,
        settings.outside_address,
        about=f"checkpoint:{name.removesuffix('.checkpoint')}",
        subject=f"Custodian: checkpoint of {name.removesuffix('.checkpoint')}, please keep",
        body=body,
        at=at,
        attachment=Attachment(name, note),
    )
