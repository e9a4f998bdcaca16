"""Packages: asked for by who may decide, made by a job of their own, and deleted here when a release, a day or a change ends them.

Between the yes and the octets everything may change, so the approval is asked for anew, under the lock, before a package is made and
after. One process works at a time; what it leaves half done when it is killed goes before the next begins.
"""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from sqlalchemy.orm import Session

from vms.clock import Clock
from vms.config import Settings
from vms.domain.access import Action
from vms.domain.export_scope import Delivery
from vms.domain.ids import PackageId, RequestId, new_number
from vms.domain.made_package import LIVE, MOST_TRIES, MadePackage, PackageState
from vms.domain.outcome import Refusal, Refused
from vms.domain.package import CameraScope, CopyKind, Order, PictureCopy, Video
from vms.domain.people import Actor
from vms.domain.request import ExportRequest, RequestAct, RequestState
from vms.domain.timespan import datetime_of_ms
from vms.errors import Conflict, InvalidInput, Unavailable, VmsError
from vms.log import get_logger
from vms.services import redactions
from vms.services.access_log import name_of, together
from vms.services.approvals import advance, approved
from vms.services.log_erase import has_run_a_day
from vms.services.package_footage import FootageSource
from vms.services.package_order import ApprovedFootage, order_of
from vms.services.package_sealing import SUFFIX, kept_identity, seal
from vms.services.packages import JOB, SETTLED, Built, Hub, build_package, folder_lock
from vms.services.request_acts import begun
from vms.services.request_steps import Step, named_in_log, not_from, refuse_about, take, voided, write
from vms.services.stills import is_over
from vms.store import holds, made_packages, package_releases, package_tickets, requests
from vms.store.failpoints import failpoint
from vms.store.files import fsync_dir

Source = Callable[[Order], AbstractContextManager[FootageSource]]
"""What opens the footage of an order."""
_S = RequestState
_STANDS = frozenset({_S.REDACTING, _S.READY, _S.DISCLOSED, _S.CLOSED})
"""In these states a finished package may still be of use."""
_CHANGED = "What it is of is not approved any more."

log = get_logger(__name__)


def ask_package(session: Session, settings: Settings, actor: Actor, number: RequestId, *, at: datetime) -> MadePackage | Refused:
    """Have the package of an approved request made; the hub's jobs, or `make_packages`, do it.

    Conflict when there is one already, InvalidInput while the newest of what it asks for is still being written.
    """
    request = begun(session, settings, actor, number, at=at)
    if isinstance(request, Refused):
        return request
    if request.state not in (_S.APPROVED, _S.PREPARING) or request.approval is None:
        return refuse_about(session, settings, actor, request, not_from(request, "prepared"), at=at)
    if request.is_sealed:
        sentence = (
            f"No package of the sealed request {request.number} is made: its entry in the log is sealed, so whoever is handed the package "
            "could not check it. Have the seal lifted first: vms request unseal"
        )
        return refuse_about(session, settings, actor, request, Refused(Refusal.NOT_ALLOWED, sentence), at=at, what=Action.EXPORT_ADVANCE)
    if isinstance(plan := redactions.plan_of(session, settings, request), Refused):
        return plan
    newest = made_packages.newest_of(session, number)
    if newest is not None and newest.state in LIVE:
        if newest.approval != request.approval.id:
            raise Conflict(f"The package of an earlier approval of request {request.number} is being deleted. Ask again in a minute.")
        raise Conflict(f"The package of request {request.number} is {newest.state} already. There is one at a time.")
    ready_at = max(datetime_of_ms(one.end_ms) for one in request.scope.footage) + SETTLED
    if ready_at > at:
        raise InvalidInput(f"The newest of it is still being written. Ask for the package from {ready_at:%Y-%m-%d %H:%M} UTC on.")
    package = MadePackage(
        id=PackageId(new_number()),
        request=request.id,
        approval=request.approval.id,
        scope_version=request.scope_version,
        sha256=request.sha256,
        asked_by=actor.label,
        asked_by_name=name_of(actor),
        asked_at=at,
    )
    made_packages.add(session, package)
    tell(session, settings, actor, request, Action.EXPORT_ADVANCE, at=at, state=package.state)
    return package


def tell(
    session: Session, settings: Settings, actor: Actor, request: ExportRequest, action: Action, *, at: datetime, **detail: str
) -> None:
    """Write an entry about a request's package into the access log: every one of them but those of `build_package` comes through here."""
    write(session, settings, request, actor=actor, action=action, at=at, detail=named_in_log(request) | detail)


def make_packages(settings: Settings, hub: Hub, source: Source, clock: Clock) -> list[MadePackage]:
    """Delete what is over, make each package that waits, and return what became of those. Waits for another process that does so."""
    with _alone(settings.packages_dir):
        delete_over(settings, hub, at=clock.now())
        made = []
        while (begun_now := _begin(settings, hub, clock.now())) is not None:
            package, order = begun_now
            made.append(package if order is None else _make(settings, hub, source, clock, package, order))
            _delete_strays(settings, hub)
        return made


def anything_to_do(settings: Settings, session: Session, *, at: datetime) -> bool:
    """Say, without holding up a writer, whether `make_packages` would find anything."""
    if made_packages.find(session, {PackageState.WAITING, PackageState.MAKING}):
        return True
    ready = made_packages.find(session, {PackageState.READY})
    sure = has_run_a_day(session, at=at)
    return any(_why_over(session, one, kept=_kept(settings), at=at, sure=sure) for one in ready) or bool(_strays(settings, ready))


def delete_over(settings: Settings, hub: Hub, *, at: datetime) -> None:
    """Delete each finished package that nobody may have any more; the caller is alone. First it is written down, then it goes."""
    with hub.central.writing() as session:
        holds.lock(session)
        sure = has_run_a_day(session, at=at)
        with together(session):
            for package in made_packages.find(session, {PackageState.READY}):
                if reason := _why_over(session, package, kept=_kept(settings), at=at, sure=sure):
                    _end(session, settings, package, reason, at=at)
    _delete_strays(settings, hub)


def folder_of(settings: Settings, package: MadePackage) -> Path:
    """Return where a package that is ready lies: a folder, or one file where it is encrypted (`MadePackage.identity`)."""
    return settings.packages_dir / str(package.id) / package.folder


def _begin(settings: Settings, hub: Hub, at: datetime) -> tuple[MadePackage, Order | None] | None:
    """Take what waits longest, or what a process that ended left; None when there is nothing, no order when it is not to be made."""
    with hub.central.writing() as session:
        holds.lock(session)
        package = next(iter(made_packages.find(session, {PackageState.WAITING, PackageState.MAKING})), None)
        if package is None:
            return None
        request = _approved(session, package, at=at)
        if request is None or request.approval is None:
            return _put(session, package, PackageState.GONE, at, sentence=_CHANGED), None
        if package.tries >= MOST_TRIES:
            sentence = f"Its making ended {MOST_TRIES} times before it was done: look at the log of vms serve, then ask for it again."
            return _put(session, package, PackageState.FAILED, at, sentence=sentence), None
        if request.state is _S.APPROVED and isinstance(
            advance(session, settings, JOB, request.id, package.sha256, _S.PREPARING, at=at), Refused
        ):
            return _put(session, package, PackageState.GONE, at, sentence=_CHANGED), None
        plan = redactions.plan_of(session, settings, request)
        if isinstance(plan, Refused):
            return _put(session, package, PackageState.FAILED, at, sentence=plan.sentence), None
        redactions.forget_sheets(session, request.id)  # of a making that did not end
        order = order_of(session, request, request.approval, plan)
        return _put(session, package, PackageState.MAKING, at, tries=package.tries + 1), order


def _make(settings: Settings, hub: Hub, source: Source, clock: Clock, package: MadePackage, order: Order) -> MadePackage:
    """Make one package; whatever ends this process on the way leaves a folder that no package which is ready has."""
    into = settings.packages_dir / str(package.id)
    failpoint("package:begun")
    try:
        _delete_strays(settings, hub)  # of this one, too: it was begun before
        into.mkdir(mode=0o700)
        fsync_dir(settings.packages_dir)
        with source(order) as opened:
            footage, at = ApprovedFootage(order, opened), clock.now()
            keep = partial(_keep_sheet, settings, hub, package, order)
            there = _is_any_there(order, footage, at)
            built = build_package(order, footage, into, hub=hub, at=at, keep_sheet=keep) if there else None
        sealed = None if built is None else _sealed(settings, hub, package, built)
        failpoint("package:built")
    except (VmsError, OSError) as err:
        log.warning("package not made", request=order.request, reason=str(err))
        with hub.central.writing() as session:
            holds.lock(session)
            return _put(session, package, PackageState.FAILED, clock.now(), sentence=str(err))
    with hub.central.writing() as session:
        return _finish(session, settings, package, order, built, sealed, at=clock.now())


def _sealed(settings: Settings, hub: Hub, package: MadePackage, built: Built) -> tuple[str, bytes]:
    """Return what lies on the server from now on, by name, and what opens that: a folder, or an encrypted file where no folder leaves."""
    with hub.central.reading() as session:
        request = requests.get(session, requests.EVERYBODYS, package.request)
    if request is None or request.scope.terms.delivery is Delivery.BY_HAND:
        return built.folder.name, b""
    file = built.folder.with_name(built.folder.name + SUFFIX)
    identity = kept_identity(settings, request, package.id, seal(built.folder, file))
    shutil.rmtree(built.folder)
    return file.name, identity


def _keep_sheet(settings: Settings, hub: Hub, package: MadePackage, order: Order, scope: CameraScope, png: bytes) -> None:
    with hub.central.writing() as session:
        request = requests.get(session, requests.EVERYBODYS, package.request)
        if request is not None and order.redaction is not None:
            redactions.keep_sheet(session, settings, request, order.redaction, scope.camera_id, png)


def _is_any_there(order: Order, footage: FootageSource, at: datetime) -> bool:
    return any(footage.recorded(scope.stream_id, span, at=at)[0] for scope in order.cameras for span in scope.spans)


def _finish(
    session: Session,
    settings: Settings,
    package: MadePackage,
    order: Order,
    built: Built | None,
    sealed: tuple[str, bytes] | None,
    *,
    at: datetime,
) -> MadePackage:
    """Bring the request on, unless its approval or its plan counts no more; `built`: None when nothing of it is there.

    What was redacted waits until somebody has looked over its sheets: `redactions.approve` makes the request ready then.
    """
    holds.lock(session)
    request = _approved(session, package, at=at)
    if request is None or redactions.plan_of(session, settings, request) != order.redaction:
        return _put(session, package, PackageState.GONE, at, sentence=_CHANGED)
    made = _S.READY if order.redaction is None else _S.REDACTING
    on_the_way = [_S.PARTIALLY_AVAILABLE] if built is not None and built.missing else []
    with together(session):
        for state in [*on_the_way, _S.FOOTAGE_UNAVAILABLE if built is None else made]:
            if isinstance(advance(session, settings, JOB, package.request, package.sha256, state, at=at), Refused):
                return _put(session, package, PackageState.GONE, at, sentence=_CHANGED)
    if built is None or sealed is None:
        return _put(session, package, PackageState.GONE, at, sentence="Nothing of what was asked for is there.")
    name, identity = sealed
    filmed: list[Video | PictureCopy] = [*built.videos, *(one for one in built.copies if one.kind is not CopyKind.VIEWING)]
    return _put(
        session,
        package,
        PackageState.READY,
        at,
        manifest=built.manifest_sha256.hex(),
        folder=name,
        identity=identity,
        files=len(filmed),
        size_bytes=sum(one.size_bytes for one in filmed),
        missing=len(built.missing),
    )


def _approved(session: Session, package: MadePackage, *, at: datetime) -> ExportRequest | None:
    """Return the package's request while the very approval counts that it was asked for under."""
    found = approved(session, package.request, at=at)
    return None if isinstance(found, Refused) or found.approval is None or found.approval.id != package.approval else found


def _why_over(session: Session, package: MadePackage, *, kept: timedelta, at: datetime, sure: bool) -> str:
    """Return why a finished package goes; empty when it stays. `kept`: after it was handed over. By a clock that leapt no day is over."""
    request = requests.get(session, requests.EVERYBODYS, package.request)
    approval = None if request is None else request.approval
    release = package_releases.newest_of(session, package.request)
    if request is None or approval is None or approval.id != package.approval or request.state not in _STANDS:
        return _CHANGED
    if any(not one.ended(at) and not one.is_used_up() for one in package_tickets.of_package(session, package.id)):
        return ""
    if release is not None and release.package == package.id and release.read_back_at is not None:
        over = kept == timedelta(0) or (sure and (release.read_back_at + kept <= at or is_over(request, at)))
        return "It was handed over." if over else ""
    return "It was not handed over in time." if sure and package.leaves_until(request.scope.terms) <= at else ""


def _kept(settings: Settings) -> timedelta:
    return timedelta(days=settings.released_package_days)


def _end(session: Session, settings: Settings, package: MadePackage, reason: str, *, at: datetime) -> None:
    request = requests.get(session, requests.EVERYBODYS, package.request)
    if request is not None:
        tell(
            session,
            settings,
            JOB,
            request,
            Action.EXPORT_PURGE,
            at=at,
            reason=reason,
            files=str(package.files),
            bytes=str(package.size_bytes),
        )
        redactions.forget_sheets(session, request.id)
        if request.state is _S.REDACTING:
            voided(session, settings, JOB, request, at=at)
        if request.state is _S.READY:
            take(session, settings, JOB, request, Step(RequestAct.EXPIRE, _S.EXPIRED, reason), at=at)
    _put(session, package, PackageState.GONE, at, sentence=reason)


def _put(session: Session, package: MadePackage, state: PackageState, at: datetime, **more: str | int | bytes) -> MadePackage:
    changed = replace(package, state=state, since=at, **more)  # type: ignore[arg-type]  # fields of it, by name
    made_packages.put(session, changed)
    return changed


def _delete_strays(settings: Settings, hub: Hub) -> None:
    """Delete every folder but those of packages that are ready; the caller is alone."""
    with hub.central.reading() as session:
        ready = made_packages.find(session, {PackageState.READY})
    for folder in _strays(settings, ready):
        with suppress(BlockingIOError), folder_lock(folder, fcntl.LOCK_NB):  # else it is being copied, and goes afterwards
            shutil.rmtree(folder, ignore_errors=True)
            if not folder.exists():
                continue
            raise Unavailable(
                f"{folder} holds footage of a package that nobody may have any more, and can't be deleted. Delete it by hand."
            )


def _strays(settings: Settings, ready: list[MadePackage]) -> list[Path]:
    known = {str(one.id) for one in ready}
    there = settings.packages_dir
    return sorted(one for one in there.iterdir() if one.is_dir() and one.name not in known) if there.is_dir() else []


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep the folder of packages to this process; a kill lets it go."""
    folder.mkdir(mode=0o700, exist_ok=True)
    with folder_lock(folder):
        yield
