"""Versions of a district's own rules per instrument. The caller holds the lock of `hold_clock` where it adds."""

from __future__ import annotations

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from vms.domain.instrument_rules import RulesApproval, RulesVersion
from vms.store.rules_tables import InstrumentRulesApprovalRow, InstrumentRulesRow


def add(session: Session, version: RulesVersion) -> None:
    session.execute(
        insert(InstrumentRulesRow).values(
            version=version.version,
            based_on=version.based_on,
            text=version.text,
            sha256=version.sha256,
            reason=version.reason,
            by=version.by,
            by_name=version.by_name,
            at=version.at,
        )
    )


def approve(session: Session, version: RulesVersion, approval: RulesApproval) -> None:
    """Put a version in force; the tables refuse one by whoever proposed it."""
    session.execute(
        insert(InstrumentRulesApprovalRow).values(
            version=version.version,
            proposed_by=version.by,
            by=approval.by,
            by_name=approval.by_name,
            proof=approval.proof,
            at=approval.at,
        )
    )


def newest(session: Session) -> int:
    """Return the number of the last version that anybody proposed; 1, the product's, when nobody did."""
    return session.scalar(select(func.max(InstrumentRulesRow.version))) or 1


def in_force(session: Session) -> int:
    """Return the number of the version in force; 1, the product's, when none was approved."""
    return session.scalar(select(func.max(InstrumentRulesApprovalRow.version))) or 1


def get(session: Session, version: int) -> RulesVersion | None:
    return next(iter(_found(session, version, 1)), None)


def find(session: Session, *, limit: int) -> list[RulesVersion]:
    """Return the versions, the newest first."""
    return _found(session, None, limit)


def _found(session: Session, version: int | None, limit: int) -> list[RulesVersion]:
    row, approval = InstrumentRulesRow, InstrumentRulesApprovalRow
    query = select(row, approval).outerjoin(approval, approval.version == row.version).order_by(row.version.desc()).limit(limit)
    if version is not None:
        query = query.where(row.version == version)
    return [_version(one, yes) for one, yes in session.execute(query)]


def _version(row: InstrumentRulesRow, yes: InstrumentRulesApprovalRow | None) -> RulesVersion:
    return RulesVersion(
        version=row.version,
        based_on=row.based_on,
        text=row.text,
        reason=row.reason,
        by=row.by,
        by_name=row.by_name,
        at=row.at,
        approval=None if yes is None else RulesApproval(yes.by, yes.by_name, yes.proof, yes.at),
    )
