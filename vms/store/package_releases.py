"""Releases of packages. Whoever adds one holds the lock of `hold_clock`, as whoever changes its request does."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from vms.domain.ids import PackageId, ReleaseId, RequestId
from vms.domain.package_release import Medium, PackageRelease
from vms.store.package_tables import PackageReleaseRow


def add(session: Session, release: PackageRelease) -> None:
    session.execute(
        insert(PackageReleaseRow).values(
            id=release.id,
            package_id=release.package,
            request_id=release.request,
            label=release.medium.label,
            serial=release.medium.serial,
            taken_by=release.taken_by,
            by=release.by,
            by_name=release.by_name,
            at=release.at,
        )
    )


def put_read_back(session: Session, release: ReleaseId, *, at: datetime) -> None:
    session.execute(update(PackageReleaseRow).where(PackageReleaseRow.id == release).values(read_back_at=at))


def newest_of(session: Session, request: RequestId) -> PackageRelease | None:
    """Return the release of a request that was begun last."""
    row = PackageReleaseRow
    query = select(row).where(row.request_id == request).order_by(row.at.desc(), row.id.desc()).limit(1)
    found = session.scalar(query.execution_options(populate_existing=True))
    if found is None:
        return None
    return PackageRelease(
        id=ReleaseId(found.id),
        package=PackageId(found.package_id),
        request=RequestId(found.request_id),
        medium=Medium(found.label, found.serial),
        taken_by=found.taken_by,
        by=found.by,
        by_name=found.by_name,
        at=found.at,
        read_back_at=found.read_back_at,
    )
