"""Releases of packages. Whoever adds one holds the lock of `hold_clock`, as whoever changes its request does."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from vms.domain.ids import PackageId, ReleaseId, RequestId
from vms.domain.package_release import Medium, PackageRelease
from vms.store import sealed_texts
from vms.store.package_tables import PackageReleaseRow


def add(session: Session, release: PackageRelease) -> None:
    said = {"label": release.medium.label, "serial": release.medium.serial, "taken_by": release.taken_by}
    key = sealed_texts.key_to_write(session, release.request)
    session.execute(
        insert(PackageReleaseRow).values(
            id=release.id,
            package_id=release.package,
            request_id=release.request,
            by=release.by,
            by_name=release.by_name,
            at=release.at,
            **sealed_texts.encrypted(key, sealed_texts.RELEASE, (release.id,), said),
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
    said = sealed_texts.decrypted_or_said(sealed_texts.key_of_request(session, request), sealed_texts.RELEASE, found)
    return PackageRelease(
        id=ReleaseId(found.id),
        package=PackageId(found.package_id),
        request=RequestId(found.request_id),
        medium=Medium(said["label"], said["serial"]),
        taken_by=said["taken_by"],
        by=found.by,
        by_name=found.by_name,
        at=found.at,
        read_back_at=found.read_back_at,
    )
