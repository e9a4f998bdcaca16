"""The web server's role on PostgreSQL: it adds to the access log and reads it, and can do nothing else there, whatever goes wrong in it."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, text

from vms.errors import ConfigError
from vms.store.central_tables import SCHEMA
from vms.store.complaint_tables import ComplaintCameraRow, ComplaintRow
from vms.store.database import Engines
from vms.store.door_tables import DoorCallRow
from vms.store.inquiry_tables import InquiryRow
from vms.store.log_tables import (
    AccessCheckpointRow,
    AccessCosignatureRow,
    AccessEventRow,
    AccessLogRow,
    AccessSealedRow,
    AccessTileRow,
    ReviewRow,
)
from vms.store.package_tables import PackageDownloadRow, PackageReleaseRow, PackageRow, PackageTicketRow
from vms.store.policy_tables import PolicyApprovalRow, PolicyForceRow, RetentionPolicyRow
from vms.store.proof_tables import DeletionCertificateRow, PurgeMonthRow, SpotCheckRow
from vms.store.redaction_tables import RedactionApprovalRow, RedactionPlanRow, RedactionSheetRow
from vms.store.request_tables import (
    ApprovalAssertionRow,
    ApprovalRow,
    ExportRequestRow,
    RequestCameraRow,
    RequestEventRow,
    RequestHoldRow,
    RequestPaperRow,
    RequestScopeRow,
    SealedRequestPersonRow,
    SealedRequestRow,
)
from vms.store.review_tables import PlacementRow, PrivacyReviewRow
from vms.store.rules_tables import InstrumentRulesApprovalRow, InstrumentRulesRow
from vms.store.showing_tables import ShowingRow
from vms.store.training_tables import TrainingRow

_OF_THE_LOG = {
    AccessEventRow.__tablename__: ("SELECT", "INSERT"),
    # The counters of a log go on with each entry. Its name, which checkpoints are signed for, stays.
    AccessLogRow.__tablename__: ("SELECT", "INSERT", "UPDATE (last_number, last_sealed)"),
    # Its number is given by whoever signs.
    AccessSealedRow.__tablename__: ("SELECT", "INSERT (origin, position, matter, salt, commitment, sealed)"),
    # The jobs child signs, has countersigned and reviews.
    AccessTileRow.__tablename__: ("SELECT",),
    AccessCheckpointRow.__tablename__: ("SELECT",),
    AccessCosignatureRow.__tablename__: ("SELECT",),
    ReviewRow.__tablename__: ("SELECT",),
}
_ADDED_ALONE = {
    row.__tablename__: ("SELECT", "INSERT")
    for row in (
        *(RetentionPolicyRow, PolicyForceRow, PolicyApprovalRow),
        *(ExportRequestRow, RequestScopeRow, RequestCameraRow, RequestPaperRow, RequestEventRow, ApprovalRow, RequestHoldRow),
        *(RedactionPlanRow, RedactionApprovalRow, SealedRequestPersonRow),
        *(TrainingRow, PlacementRow, PrivacyReviewRow, DoorCallRow, PackageRow),
        *(InstrumentRulesRow, InstrumentRulesApprovalRow, ApprovalAssertionRow),
    )
}
"""Versions of policies and rules, requests and approvals, who was trained, and reviews: what was said stays said.
Packages are asked for here, and made by the jobs."""
_OF_PROOFS = {
    # By hand packages leave at the console, by download here; who took one, and when, stays.
    PackageReleaseRow.__tablename__: ("SELECT", "INSERT", "UPDATE (read_back_at)"),
    PackageTicketRow.__tablename__: ("SELECT", "INSERT", "UPDATE (revoked_at, revoked_by)"),
    PackageDownloadRow.__tablename__: ("SELECT", "INSERT", "UPDATE (ended_at, octets, whole)"),
    # Who was shown something stays; its end is written down once.
    ShowingRow.__tablename__: ("SELECT", "INSERT", "UPDATE (ended_at, ended_by_name, seen)"),
    # What a recording machine answers, it writes itself, and certificates are made by whoever has the log's key.
    PurgeMonthRow.__tablename__: ("SELECT",),
    DeletionCertificateRow.__tablename__: ("SELECT",),
    # Sheets are of a package that a job makes.
    RedactionSheetRow.__tablename__: ("SELECT",),
    SpotCheckRow.__tablename__: (
        "SELECT",
        "INSERT (id, camera_id, node_id, start_at, end_at, drawn, asked_by, asked_by_name, asked_at)",
    ),
}
_OF_COMPLAINTS = {
    # What somebody said stays as it was entered.
    ComplaintRow.__tablename__: ("SELECT", "INSERT", "UPDATE (hold_id, answer, answer_texts, answered_by, answered_by_name, answered_at)"),
    ComplaintCameraRow.__tablename__: ("SELECT", "INSERT"),
    InquiryRow.__tablename__: ("SELECT", "INSERT", "UPDATE (request_id, reason, decided_by, decided_by_name, decided_at)"),
}
_OF_SEALS = {
    # A seal is lifted once; who it named stays named.
    SealedRequestRow.__tablename__: ("SELECT", "INSERT", "UPDATE (lifted_on, lifted_reason, lifted_by, lifted_by_name, lifted_at)"),
}
_ELSEWHERE = ("SELECT", "INSERT", "UPDATE", "DELETE")
_TOO_MUCH = """
SELECT EXISTS (SELECT 1 FROM pg_roles WHERE rolsuper AND pg_has_role(:role, oid, 'MEMBER'))
    OR EXISTS (SELECT 1 FROM pg_class WHERE oid = :entries ::regclass AND pg_has_role(:role, relowner, 'MEMBER'))
    OR has_table_privilege(:role, :entries, 'UPDATE, DELETE, TRUNCATE, TRIGGER, REFERENCES')
    OR has_any_column_privilege(:role, :entries, 'UPDATE')
"""


def grant_to_web(engines: Engines, role: str) -> None:
    """Give `role` what the web server needs of each table, and take away what else it had; in one transaction, by who owns the tables.

    ConfigError when there is no such role, or when it could change entries all the same: as a superuser, an owner, or a member of one.
    """
    with engines.write.begin() as connection:
        if connection.scalar(text("SELECT 1 FROM pg_roles WHERE rolname = :role"), {"role": role}) is None:
            raise ConfigError(f"PostgreSQL has no role {role}, which web_database_url names. Make it: CREATE ROLE … LOGIN PASSWORD …")
        quoted = connection.dialect.identifier_preparer.quote(role)
        for statement in _grants(quoted):
            connection.exec_driver_sql(statement)
        if _can_change_entries(connection, role):
            raise ConfigError(_sentence(role))


def require_append_only(engines: Engines) -> None:
    """Raise ConfigError when the role that these engines connect as could change or delete an entry of the access log."""
    with engines.read.begin() as connection:
        role = str(connection.scalar(text("SELECT current_user")))
        if _can_change_entries(connection, role):
            raise ConfigError(_sentence(role))


def _grants(role: str) -> Iterator[str]:
    yield f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {role}"
    yield f"GRANT USAGE ON SCHEMA public TO {role}"
    yield f"GRANT SELECT ON alembic_version TO {role}"
    for table in SCHEMA.sorted_tables:
        rights = (_OF_THE_LOG | _ADDED_ALONE | _OF_PROOFS | _OF_COMPLAINTS | _OF_SEALS).get(table.name, _ELSEWHERE)
        yield f"GRANT {', '.join(rights)} ON {table.name} TO {role}"


def _can_change_entries(connection: Connection, role: str) -> bool:
    tables = (AccessEventRow.__tablename__, AccessSealedRow.__tablename__)
    return any(connection.scalar(text(_TOO_MUCH), {"role": role, "entries": table}) for table in tables)


def _sentence(role: str) -> str:
    return (
        f"The role {role} could change the access log: it owns it, is a superuser, or was given more than vms migrate gives. "
        "Name a role of its own in web_database_url and run: vms migrate"
    )
