"""Packages: asked for by who may decide, made by a job of their own, and deleted here when a release, a day or a change ends them.

Between the yes and the octets everything may change, so the approval is asked for anew, under the lock, before a package is made and
after. One process works at a time; what it leaves half done when it is killed goes before the next begins.
"""

from __future__ import annotations

import fcntl
import json
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
from vms.domain.outcome import Refused
from vms.domain.package import CameraScope, CopyKind, Order, PictureCopy, Video
from vms.domain.people import Actor
from vms.domain.redaction import RedactionPlan
from vms.domain.request import Approval, ExportRequest, RequestAct, RequestState
from vms.domain.timespan import datetime_of_ms
from vms.errors import Conflict, InvalidInput, Unavailable, VmsError, reason_of
from vms.log import get_logger
from vms.services import redactions
from vms.services.access_log import DISTRICT, name_of, together
from vms.services.approvals import advance, approved, not_as_file
from vms.services.log_erase import has_run_a_day
from vms.services.package_footage import FootageSource
from vms.services.package_order import ApprovedFootage, order_of
from vms.services.package_sealing import SUFFIX, kept_identity, seal
from vms.services.packages import JOB, SETTLED, Built, Hub, build_package, folder_lock, prove_sealed
from vms.services.request_acts import begun
from vms.services.request_steps import Step, can_write_about, matter_of, named_in_log, not_from, refuse_about, take, voided, write
from vms.services.sealed_log import Matter
from vms.services.stills import is_over
from vms.store import access_sealed, holds, made_packages, package_releases, package_tickets, requests
from vms.store.failpoints import failpoint
from vms.store.files import fsync_dir

Source = Callable[[Order], AbstractContextManager[FootageSource]]
"""What opens the footage of an order."""
_S = RequestState
_LIES_HERE = frozenset({PackageState.PROVING, PackageState.READY})
_STANDS = frozenset({_S.REDACTING, _S.READY, _S.DISCLOSED, _S.CLOSED})
"""In these states a finished package may still be of use."""
_CHANGED = "What it is of is not approved any more."
_NO_KEY = "The key of its sealed matter can't be read on this server. Put secrets/ back from its backup, then ask for the package again."

log = get_logger(__name__)


def ask_package(session: Session, settings: Settings, actor: Actor, number: RequestId, *, at: datetime) -> MadePackage | Refused:
    """Have the package of an approved request made; the hub's jobs, or `make_packages`, do it.

    Conflict when there is one already, InvalidInput while the newest of what it asks for is still being written.
    """
    request = begun(session, settings, actor, number, at=at)
    if isinstance(request, Refused):
        return request
    if (refused := not_as_file(request)) is not None:
        return refuse_about(session, settings, actor, request, refused, at=at, what=Action.EXPORT_ADVANCE)
    if request.state not in (_S.APPROVED, _S.PREPARING) or request.approval is None:
        return refuse_about(session, settings, actor, request, not_from(request, "prepared"), at=at)
    if isinstance(plan := redactions.plan_of(session, settings, request), Refused):
        return refuse_about(session, settings, actor, request, plan, at=at)
    newest = made_packages.newest_of(session, number)
    if newest is not None and newest.state in LIVE:
        if newest.approval != request.approval.id:
            raise Conflict(f"The package of an earlier approval of request {request.number} is being deleted. Ask again in a minute.")
        raise Conflict(f"The package of request {request.number} is {newest.state} already. There is one at a time.")
    ready_at = max(datetime_of_ms(one.end_ms) for one in request.scope.footage) + SETTLED
    if ready_at > at:
        raise InvalidInput(f"The newest of it is still being written. Ask for the package from {ready_at:%Y-%m-%d %H:%M:%S} UTC on.")
    asked_at = at if newest is None else max(at, newest.asked_at + timedelta(milliseconds=1))  # a clock set back lets no earlier one count
    package = MadePackage(
        id=PackageId(new_number()),
        request=request.id,
        approval=request.approval.id,
        scope_version=request.scope_version,
        sha256=request.sha256,
        asked_by=actor.label,
        asked_by_name=name_of(actor),
        asked_at=asked_at,
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
        made = _prove_those_that_wait(settings, hub, clock)
        _delete_strays(settings, hub)
        while (begun_now := _begin(settings, hub, clock.now())) is not None:
            package, order = begun_now
            made.append(package if order is None else _make(settings, hub, source, clock, package, order))
            _delete_strays(settings, hub)
        return made


def anything_to_do(settings: Settings, session: Session, *, at: datetime) -> bool:
    """Say, without holding up a writer, whether `make_packages` would find anything."""
    if made_packages.find(session, {PackageState.WAITING, PackageState.MAKING}):
        return True
    lies_here = made_packages.find(session, _LIES_HERE)
    if any(_goes_on(session, one, at=at) for one in lies_here if one.state is PackageState.PROVING):
        return True
    return bool(_strays(settings, lies_here)) or any(_over(session, settings, at=at))


def delete_over(settings: Settings, hub: Hub, *, at: datetime) -> None:
    """Delete each finished package that nobody may have any more; the caller is alone. First it is written down, then it goes."""
    with hub.central.writing() as session:
        holds.lock(session)
        with together(session):
            for package, request, reason in _over(session, settings, at=at):
                _end(session, settings, package, request, reason, at=at)
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
        known = requests.known(session, requests.EVERYBODYS, package.request)
        if known is not None and known.fault is not None:
            return _put(session, package, PackageState.FAILED, at, sentence=str(known.fault)), None
        request = _approved(session, package, at=at)
        if request is None or request.approval is None:
            return _put(session, package, PackageState.GONE, at, sentence=_CHANGED), None
        if not can_write_about(settings, request):
            return _put(session, package, PackageState.FAILED, at, sentence=_NO_KEY), None
        if package.tries >= MOST_TRIES:
            sentence = f"Its making ended {MOST_TRIES} times before it was done: look at the log of vms serve, then ask for it again."
            return _put(session, package, PackageState.FAILED, at, sentence=sentence), None
        if request.state is _S.APPROVED and isinstance(
            advance(session, settings, JOB, request.id, package.sha256, _S.PREPARING, at=at), Refused
        ):
            return _put(session, package, PackageState.GONE, at, sentence=_CHANGED), None
        order = _ordered(session, settings, request, request.approval)
        if isinstance(order, str):
            return _put(session, package, PackageState.FAILED, at, sentence=order), None
        redactions.forget_sheets(session, request.id)  # of a making that did not end
        return _put(session, package, PackageState.MAKING, at, tries=package.tries + 1), order


def _ordered(session: Session, settings: Settings, request: ExportRequest, approval: Approval) -> Order | str:
    """Return what a package is made of, or why of nothing, as with a plan that can't be read: the next one does not wait for it."""
    try:
        plan = redactions.plan_of(session, settings, request)
        return plan.sentence if isinstance(plan, Refused) else order_of(session, request, approval, plan)
    except VmsError as err:
        return str(err)


def _make(settings: Settings, hub: Hub, source: Source, clock: Clock, package: MadePackage, order: Order) -> MadePackage:
    """Make one package; whatever ends this process on the way leaves a folder that no package which is ready has."""
    into = settings.packages_dir / str(package.id)
    failpoint("package:begun")
    try:
        _delete_strays(settings, hub)  # of this one, too: it was begun before
        into.mkdir(mode=0o700)
        fsync_dir(settings.packages_dir)
        matter = _matter(settings, hub, package)
        with source(order) as opened:
            footage, at = ApprovedFootage(order, opened), clock.now()
            keep = partial(_keep_sheet, settings, hub, package, order)
            there = _is_any_there(order, footage, at)
            built = build_package(order, footage, into, hub=replace(hub, matter=matter), at=at, keep_sheet=keep) if there else None
        if built is not None:
            package = _measured(package, built)
        if built is not None and matter is None:
            package = _sealed(settings, hub, package)
        failpoint("package:built")
    except (VmsError, OSError) as err:
        return _failed(hub, package, err, at=clock.now())
    if built is not None and built.log_position is not None:
        return _put_alone(hub, package, PackageState.PROVING, clock.now())
    plan = None if order.redaction is None else order.redaction.digest.hex()
    try:
        with hub.central.writing() as session:
            return _finish(session, settings, package, plan, there=built is not None, at=clock.now())
    except VmsError as err:
        if _is_unreadable(hub, package):
            return _failed(hub, package, err, at=clock.now())
        raise  # such as of a database that does not answer: it is made again


def _prove_those_that_wait(settings: Settings, hub: Hub, clock: Clock) -> list[MadePackage]:
    """End each package of a sealed request whose entry a checkpoint holds by now, and each whose approval counts no more."""
    with hub.central.reading() as session:
        waiting = made_packages.find(session, {PackageState.PROVING})
    return [package for one in waiting if (package := _prove(settings, hub, clock, one)).state is not PackageState.PROVING]


def _prove(settings: Settings, hub: Hub, clock: Clock, package: MadePackage) -> MadePackage:
    """Bring one on as far as it can be; what was interrupted while it was being encrypted is made anew, and so is one without its seal."""
    with hub.central.reading() as session:
        if _unreadable(session, package):
            return package
        request = _approved(session, package, at=clock.now())
    if request is None:
        return _put_alone(hub, package, PackageState.GONE, clock.now(), sentence=_CHANGED)
    folder = folder_of(settings, package)
    try:
        matter = matter_of(settings, request)
        if matter is None or package.log_position is None or not folder.is_dir() or _encrypted(folder).exists():
            return _put_alone(hub, package, PackageState.WAITING, clock.now())
        if not prove_sealed(folder, package.log_position, replace(hub, matter=matter)):
            return package
        plan = json.loads((folder / "manifest.json").read_bytes())["redaction_plan_sha256"]
        proved = _sealed(settings, hub, package)
        failpoint("package:proved")
    except (VmsError, OSError) as err:
        return _failed(hub, package, err, at=clock.now())
    try:
        with hub.central.writing() as session:
            return _finish(session, settings, proved, plan, there=True, at=clock.now())
    except VmsError:
        if _is_unreadable(hub, package):
            return package
        raise


def _is_unreadable(hub: Hub, package: MadePackage) -> bool:
    with hub.central.reading() as session:
        return _unreadable(session, package)


def _unreadable(session: Session, package: MadePackage) -> bool:
    known = requests.known(session, requests.EVERYBODYS, package.request)
    return known is not None and known.fault is not None


def _failed(hub: Hub, package: MadePackage, err: Exception, *, at: datetime) -> MadePackage:
    with hub.central.reading() as session:
        request = requests.known(session, requests.EVERYBODYS, package.request)
    if request is not None and not request.is_sealed:
        log.warning("package not made", request=request.number, reason=reason_of(err))
    return _put_alone(hub, package, PackageState.FAILED, at, sentence=str(err))


def _put_alone(hub: Hub, package: MadePackage, state: PackageState, at: datetime, *, sentence: str = "") -> MadePackage:
    with hub.central.writing() as session:
        holds.lock(session)
        return _put(session, package, state, at, sentence=sentence)


def _matter(settings: Settings, hub: Hub, package: MadePackage) -> Matter | None:
    with hub.central.reading() as session:
        request = requests.get(session, requests.EVERYBODYS, package.request)
    return None if request is None else matter_of(settings, request)


def _measured(package: MadePackage, built: Built) -> MadePackage:
    filmed: list[Video | PictureCopy] = [*built.videos, *(one for one in built.copies if one.kind is not CopyKind.VIEWING)]
    return replace(
        package,
        manifest=built.manifest_sha256.hex(),
        folder=built.folder.name,
        files=len(filmed),
        size_bytes=sum(one.size_bytes for one in filmed),
        missing=len(built.missing),
        log_position=built.log_position,
    )


def _sealed(settings: Settings, hub: Hub, package: MadePackage) -> MadePackage:
    """Return a package by what lies on the server from now on: its folder, or an encrypted file where no folder leaves."""
    with hub.central.reading() as session:
        request = requests.get(session, requests.EVERYBODYS, package.request)
    if request is None or request.scope.terms.delivery is Delivery.BY_HAND:
        return package
    folder = folder_of(settings, package)
    file = _encrypted(folder)
    identity = kept_identity(settings, request, package.id, seal(folder, file))
    failpoint("package:encrypted")
    shutil.rmtree(folder)
    return replace(package, folder=file.name, identity=identity)


def _encrypted(folder: Path) -> Path:
    return folder.with_name(folder.name + SUFFIX)


def _keep_sheet(settings: Settings, hub: Hub, package: MadePackage, order: Order, scope: CameraScope, png: bytes) -> None:
    with hub.central.writing() as session:
        request = requests.get(session, requests.EVERYBODYS, package.request)
        if request is not None and order.redaction is not None:
            redactions.keep_sheet(session, settings, request, order.redaction, scope.camera_id, png)


def _is_any_there(order: Order, footage: FootageSource, at: datetime) -> bool:
    return any(footage.recorded(scope.stream_id, span, at=at)[0] for scope in order.cameras for span in scope.spans)


def _finish(session: Session, settings: Settings, package: MadePackage, plan: str | None, *, there: bool, at: datetime) -> MadePackage:
    """Bring the request on, unless its approval counts no more or another redaction plan than that, by its SHA-256, does now.

    `there`: whether anything of it is. What was redacted waits until somebody has looked over its sheets: `redactions.approve` makes the
    request ready then.
    """
    holds.lock(session)
    request = _approved(session, package, at=at)
    if request is None or not _is_by(redactions.plan_of(session, settings, request), plan):
        return _put(session, package, PackageState.GONE, at, sentence=_CHANGED)
    made = _S.READY if plan is None else _S.REDACTING
    on_the_way = [_S.PARTIALLY_AVAILABLE] if there and package.missing else []
    with together(session):
        for state in [*on_the_way, made if there else _S.FOOTAGE_UNAVAILABLE]:
            if isinstance(advance(session, settings, JOB, package.request, package.sha256, state, at=at), Refused):
                return _put(session, package, PackageState.GONE, at, sentence=_CHANGED)
    if not there:
        return _put(session, package, PackageState.GONE, at, sentence="Nothing of what was asked for is there.")
    return _put(session, package, PackageState.READY, at)


def _is_by(found: RedactionPlan | Refused | None, plan: str | None) -> bool:
    return not isinstance(found, Refused) and (None if found is None else found.digest.hex()) == plan


def _approved(session: Session, package: MadePackage, *, at: datetime) -> ExportRequest | None:
    """Return the package's request while the very approval counts that it was asked for under."""
    found = approved(session, package.request, at=at)
    return None if isinstance(found, Refused) or found.approval is None or found.approval.id != package.approval else found


def _goes_on(session: Session, package: MadePackage, *, at: datetime) -> bool:
    """Say whether a package that waits for the log can be brought on now; one whose request can't be read waits on."""
    if _unreadable(session, package):
        return False
    has_number = access_sealed.has_number(session, DISTRICT, package.log_position or 0)
    return has_number or _approved(session, package, at=at) is None


def _over(session: Session, settings: Settings, *, at: datetime) -> Iterator[tuple[MadePackage, ExportRequest, str]]:
    """Yield each finished package that goes, and why; none of a sealed request whose key is not here: nothing could be written of it."""
    kept, sure = timedelta(days=settings.released_package_days), has_run_a_day(session, at=at)
    for package in made_packages.find(session, {PackageState.READY}):
        request = requests.known(session, requests.EVERYBODYS, package.request)
        if request is None or request.fault is not None or not can_write_about(settings, request):
            continue
        if reason := _why_over(session, package, request, kept=kept, at=at, sure=sure):
            yield package, request, reason


def _why_over(session: Session, package: MadePackage, request: ExportRequest, *, kept: timedelta, at: datetime, sure: bool) -> str:
    """Return why a finished package goes; empty when it stays. `kept`: after it was handed over. By a clock that leapt no day is over."""
    approval, release = request.approval, package_releases.newest_of(session, package.request)
    if approval is None or approval.id != package.approval or request.state not in _STANDS:
        return _CHANGED
    if any(not one.ended(at) and not one.is_used_up() for one in package_tickets.of_package(session, package.id)):
        return ""
    if release is not None and release.package == package.id and release.read_back_at is not None:
        over = kept == timedelta(0) or (sure and (release.read_back_at + kept <= at or is_over(request, at)))
        return "It was handed over." if over else ""
    return "It was not handed over in time." if sure and package.leaves_until(request.scope.terms) <= at else ""


def _end(session: Session, settings: Settings, package: MadePackage, request: ExportRequest, reason: str, *, at: datetime) -> None:
    told = {"reason": reason, "files": str(package.files), "bytes": str(package.size_bytes)}
    tell(session, settings, JOB, request, Action.EXPORT_PURGE, at=at, **told)
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
    """Delete every folder but those of packages that lie here rightly; the caller is alone."""
    with hub.central.reading() as session:
        lies_here = made_packages.find(session, _LIES_HERE)
    for folder in _strays(settings, lies_here):
        with suppress(BlockingIOError), folder_lock(folder, fcntl.LOCK_NB):  # else it is being copied, and goes afterwards
            shutil.rmtree(folder, ignore_errors=True)
            if not folder.exists():
                continue
            raise Unavailable(
                f"{folder} holds footage of a package that nobody may have any more, and can't be deleted. Delete it by hand."
            )


def _strays(settings: Settings, lies_here: list[MadePackage]) -> list[Path]:
    known = {str(one.id) for one in lies_here}
    there = settings.packages_dir
    return sorted(one for one in there.iterdir() if one.is_dir() and one.name not in known) if there.is_dir() else []


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep the folder of packages to this process; a kill lets it go."""
    folder.mkdir(mode=0o700, exist_ok=True)
    with folder_lock(folder):
        yield
