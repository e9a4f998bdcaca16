"""Packages that were asked for. Whoever changes one holds the lock of `hold_clock`, as whoever changes its request does."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from vms.domain.ids import ApprovalId, PackageId, RequestId
from vms.domain.made_package import MadePackage, PackageState
from vms.store.package_tables import PackageRow


def add(session: Session, package: MadePackage) -> None:
    session.execute(
        insert(PackageRow).values(
            id=package.id,
            request_id=package.request,
            approval_id=package.approval,
            scope_version=package.scope_version,
            sha256=package.sha256,
            asked_by=package.asked_by,
            asked_by_name=package.asked_by_name,
            asked_at=package.asked_at,
            **_changing(package),
        )
    )


def put(session: Session, package: MadePackage) -> None:
    """Store how far a package has come."""
    session.execute(update(PackageRow).where(PackageRow.id == package.id).values(**_changing(package)))


def get(session: Session, number: PackageId) -> MadePackage | None:
    row = session.get(PackageRow, number, populate_existing=True)
    return None if row is None else _package(row)


def find(session: Session, states: Collection[PackageState]) -> list[MadePackage]:
    """Return every package in these states, the one that was asked for first, first: what is not among them is deleted as a stray."""
    query = select(PackageRow).where(PackageRow.state.in_(sorted(states))).order_by(PackageRow.asked_at, PackageRow.id)
    return [_package(row) for row in session.scalars(query.execution_options(populate_existing=True))]


def newest_of(session: Session, request: RequestId) -> MadePackage | None:
    """Return what was asked for last for a request."""
    query = select(PackageRow).where(PackageRow.request_id == request).order_by(PackageRow.asked_at.desc(), PackageRow.id.desc()).limit(1)
    row = session.scalar(query.execution_options(populate_existing=True))
    return None if row is None else _package(row)


def _changing(package: MadePackage) -> dict[str, object]:
    return {
        "state": package.state,
        "since_at": package.since or package.asked_at,
        "tries": package.tries,
        "sentence": package.sentence,
        "manifest": package.manifest,
        "folder": package.folder,
        "files": package.files,
        "size_bytes": package.size_bytes,
        "missing": package.missing,
        "identity": package.identity,
        "log_position": package.log_position,
    }


def _package(row: PackageRow) -> MadePackage:
    return MadePackage(
        id=PackageId(row.id),
        request=RequestId(row.request_id),
        approval=ApprovalId(row.approval_id),
        scope_version=row.scope_version,
        sha256=row.sha256,
        asked_by=row.asked_by,
        asked_by_name=row.asked_by_name,
        asked_at=row.asked_at,
        state=row.state,
        since=row.since_at,
        tries=row.tries,
        sentence=row.sentence,
        manifest=row.manifest,
        folder=row.folder,
        files=row.files,
        size_bytes=row.size_bytes,
        missing=row.missing,
        identity=row.identity,
        log_position=row.log_position,
    )
