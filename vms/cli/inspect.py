"""Commands that look: status, check, segment cat, doctor. They change nothing, but that check gives held footage its file back."""

from __future__ import annotations

import platform
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Annotated

import av
import typer
from sqlalchemy import Connection

from vms.cli import checks, platforms
from vms.cli.context import Cli
from vms.cli.options import AsJson
from vms.cli.output import Exit, err, out, print_json, print_table, sentences, working
from vms.cli.size import measured_room, room_sentence
from vms.config import Settings
from vms.domain.access import Purpose
from vms.domain.capacity import Headroom, Watermark
from vms.domain.footage import Segment, SegmentState
from vms.domain.ids import SegmentId, split_segment_id
from vms.domain.timespan import ms_of
from vms.errors import InvalidInput, NotFound, Unavailable, VmsError
from vms.media.segment_file import SegmentReader
from vms.services import egress, placements
from vms.services.cameras import list_cameras
from vms.services.capacity import falling_due, growth, headroom, left_sentence, room_document
from vms.services.check import CheckReport, Depth, Kind
from vms.services.check import check as run_check
from vms.services.emergency import told_by_mail
from vms.services.footage import record_read
from vms.services.key_rotation import half_done
from vms.services.log_key import read_log_key
from vms.services.log_witness import configured_witness, witness_state
from vms.services.policy_review import to_review
from vms.services.smtp import greet
from vms.services.status import status_document
from vms.store import complaints, inquiries, reconciliations, segments, stream_rules, volumes
from vms.store.cameras import camera_of
from vms.store.database import OLDEST_SQLITE, linked_sqlite
from vms.store.files import Volume
from vms.store.key_credential import footage_key
from vms.store.keys import KeyStore

LANDLOCK = "Landlock"
"""Not every kernel has this layer of the sandbox, and the others refuse the same."""
UNTOLD = (
    "nobody is told of an emergency access by mail, it stands on the pages of Director and Auditor alone: set smtp_host, mail_from and "
    "director_address, auditor_address or outside_address"
)

segment_app = typer.Typer(help="Segment files.", no_args_is_help=True)


def status(context: typer.Context, as_json: AsJson = False) -> None:
    """Say what each camera does now and what was recorded of the last hour."""
    from recorder.worker_client import unpublished_runs  # noqa: PLC0415 - only this command asks the workers

    cli: Cli = context.obj
    with sentences():
        settings = cli.settings()
        # Asked before the index is read: what is published in between is counted once, never missed.
        unpublished = unpublished_runs(settings.run_dir)
        with cli.reading(settings) as session, cli.index_reading(settings) as index:
            now, left = cli.clock.now(), _headroom(cli, settings, index)
            document = status_document(session, index, actor=cli.actor, now=now, unpublished=unpublished, headroom=left)
    if as_json:
        print_json(document)
        return
    rows = [
        (str(c["name"]), str(c["branch"]), str(c["state"]), _local_time(c["since"]), f"{c['recorded_s']:.0f} of {c['expected_s']:.0f} s")
        for c in document["cameras"]
    ]
    print_table(("camera", "branch", "state", "since", "recorded, last hour"), rows, empty="No cameras yet.")
    for volume in document["volumes"]:
        if volume["lost_segments"]:
            err.print(f"{volume['path']}: {volume['lost_segments']:,} segments were recorded and their file is gone. Run: vms check")
    if left.watermark() is not Watermark.ROOM:
        out.print(left_sentence(room_document(left, left.watermark())))


def _local_time(at: str | None) -> str:
    """Return a moment as the clock on this machine's wall shows it, to the second."""
    return "" if at is None else f"{datetime.fromisoformat(at).astimezone():%Y-%m-%d %H:%M:%S}"


def check(
    context: typer.Context,
    deep: Annotated[bool, typer.Option("--deep", help="Read and decrypt every file and compare both digests.")] = False,
    as_json: AsJson = False,
) -> None:
    """Compare index and files: every row has its file, every file its row, runs never overlap.

    Footage under a hold whose file is gone or damaged gets it back from its second place.
    """
    cli: Cli = context.obj
    with sentences():
        settings = cli.settings()
        with cli.index(settings) as index, _keys_if(deep, settings) as keys, working("Comparing index and files:") as work:
            depth = Depth.DEEP if deep else Depth.ROWS
            report = run_check(index, list(_mounted(settings)), at=cli.clock.now(), depth=depth, keys=keys, progress=work.tell)
        back = _given_back(cli, settings, report)
        report = report.without(back)
    for segment in (segment for segment, told in back.items() if told):
        err.print(f"{segment}: its file was gone or damaged and is back, from the second place that is kept for a hold.", markup=False)
    _tell_reviews(cli, settings)
    if as_json:
        print_json(report.document())
    else:
        for violation in report.violations:
            out.print(f"{violation.invariant}: {violation.subject}: {violation.detail}", markup=False)
        out.print("Index and files agree." if report.ok else f"{len(report.violations)} things do not agree.")
    raise SystemExit(Exit.DONE if report.ok else Exit.WRONG)


def _tell_reviews(cli: Cli, settings: Settings) -> None:
    """Say on standard error which policies somebody is to look at again: that is no fault of index or files."""
    try:
        with cli.reading(settings) as session:
            told = [sentence for _, sentence in to_review(session, at=cli.clock.now())]
    except VmsError as error:
        told = [f"Whether a policy is to be reviewed can't be told: {error}"]
    for sentence in told:
        err.print(sentence, markup=False)


def _given_back(cli: Cli, settings: Settings, report: CheckReport) -> dict[SegmentId, bool]:
    if not report.mendable:
        return {}
    from retention import process  # noqa: PLC0415 - only when something is broken

    try:
        return process.repair_found(settings, cli.clock, report.mendable)
    except VmsError as error:
        if not any(one.kind in (Kind.MISSING, Kind.DAMAGED) for one in report.violations):
            return {}  # the comparison of the night tries again, and nobody is to be told
        err.print(f"No file can be given back from a second place: {error}", markup=False)
        return {}


@contextmanager
def _keys_if(deep: bool, settings: Settings) -> Iterator[KeyStore | None]:
    """Open the key store for a deep check; without it headers and tags are compared all the same, and it is said."""
    keys = None
    if deep:
        try:
            keys = _key_store(settings)
        except VmsError as error:
            err.print(f"Footage can't be decrypted, so only headers and tags are compared: {error}", markup=False)
    try:
        yield keys
    finally:
        if keys is not None:
            keys.close()


def _key_store(settings: Settings) -> KeyStore:
    return KeyStore.open(settings.keys1_path, settings.keys2_path, footage_key(settings))


def _mounted(settings: Settings) -> Iterator[Volume]:
    """Yield the volumes that are there; the check itself names those that are not."""
    for setting in settings.volumes:
        with suppress(Unavailable):
            yield Volume.open(setting.path, max_bytes=setting.max_bytes)


@segment_app.command("cat")
def segment_cat(context: typer.Context, segment: Annotated[str, typer.Argument(help="Segment id, 32 hex digits.")]) -> None:
    """Write a published segment, decrypted, to standard output as fragmented MP4. The reading is logged first."""
    cli: Cli = context.obj
    with sentences():
        wanted = _segment_id(segment)
        settings = cli.settings()
        with cli.index_reading(settings) as index:
            row = segments.get(index, wanted)
            if row is None or not _may_be_shown(index, row, cli.clock.now()):
                raise NotFound(f"The index knows no segment {wanted}. It may still be open, or its day has come.")
            volume = volumes.get(index, row.volume_id)
        if sys.stdout.isatty():
            raise InvalidInput("A segment is binary. Send it to a program or file: vms segment cat ID | ffprobe -")
        _log_read(cli, settings, row)
        with working(f"Decrypting segment {row.id}"):
            for record in _records(settings, row, Volume.open(volume.path)):
                sys.stdout.buffer.write(record)
            sys.stdout.buffer.flush()


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of `vms doctor`."""

    what: str
    ok: bool
    detail: str


def doctor(
    context: typer.Context,
    egress: Annotated[bool, typer.Option("--egress", help="List what would connect to other machines.")] = False,
    as_json: AsJson = False,
) -> None:
    """Look whether this machine can run Custodian well, and say what to do where it can't."""
    cli: Cli = context.obj
    if egress:
        _print_egress(cli, as_json=as_json)
        return
    findings = list(_findings(cli))
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        print_table(("", "what", "found"), [("ok" if f.ok else "!!", f.what, f.detail) for f in findings], empty="")
    raise SystemExit(Exit.DONE if all(finding.ok for finding in findings) else Exit.WRONG)


def _may_be_shown(index: Connection, row: Segment, now: datetime) -> bool:
    times = stream_rules.readable(index, row.stream_id, ms_of(now))
    return row.state is not SegmentState.CONDEMNED and any(time.overlaps(row.start_ticks, row.end_ticks) for time in times)


def _segment_id(text: str) -> SegmentId:
    try:
        split_segment_id(SegmentId(text))
    except ValueError as error:
        raise InvalidInput(f"{text!r} is no segment id: 32 lower-case hex digits.") from error
    return SegmentId(text)


def _log_read(cli: Cli, settings: Settings, row: Segment) -> None:
    """Commit who reads what before the first byte leaves."""
    with cli.writing(settings) as session:
        camera_id = camera_of(session, row.stream_id)
        if camera_id is None:
            raise NotFound(f"No camera here ever had the stream of segment {row.id}, so its reading can't be logged and it stays shut.")
        record_read(
            session,
            cli.actor,
            camera_id=camera_id,
            span=row.span,
            purpose=Purpose.MAINTENANCE,
            at=cli.clock.now(),
            detail={"segment": row.id},
        )


def _records(settings: Settings, row: Segment, volume: Volume) -> Iterator[bytes]:
    keys = _key_store(settings)
    try:
        with volume.segment_path(row.id).open("rb") as file:
            reader = SegmentReader(file, keys, row.fragments)
            yield from reader.records()
    except FileNotFoundError as error:
        raise Unavailable(f"Segment {row.id} has no file. Run: vms check") from error
    finally:
        keys.close()


def _print_egress(cli: Cli, *, as_json: bool) -> None:
    """Print what would connect to other machines; cameras at private addresses are this installation's own network and only counted."""
    with sentences():
        settings = cli.settings()
        lines = egress.outward(settings)
        with cli.reading(settings) as session:
            known = list_cameras(session, cli.actor)
    lines += egress.outward_cameras(known)
    if as_json:
        print_json(lines)
        return
    out.print("\n".join(lines) or "Nothing connects to other machines but the recorder to its cameras.")
    out.print(f"The recorder connects to {len(known)} cameras; those at addresses of private networks are not listed.")


def _findings(cli: Cli) -> Iterator[Finding]:
    yield Finding("Python", sys.version_info >= (3, 11), platform.python_version())
    version = linked_sqlite()
    spelled = ".".join(map(str, version))
    yield Finding("SQLite of the product", version >= OLDEST_SQLITE, f"{spelled} (Python's own, unused: {sqlite3.sqlite_version})")
    yield Finding("PyAV", True, f"{av.__version__}, FFmpeg {av.ffmpeg_version_info}")
    yield from _platform_findings(cli)
    yield from _sandbox_findings()
    yield _try("configuration", lambda: str(cli.settings().data_dir))
    try:
        settings = cli.settings()
    except VmsError:
        return
    central = _try("central database", lambda: _opens(cli, settings))
    yield central
    if settings.web_role:
        yield _try("web server's role", lambda: checks.web_role(settings))
    yield _try("node index", lambda: _index_opens(cli, settings))
    yield _try("footage on the disks", lambda: _reconciled(cli, settings))
    yield from _key_findings(settings)
    yield _try("access log's key", lambda: f"signs as {read_log_key(settings).public.hex()[:16]}…")
    if central.ok:
        yield _try("what complaints and inquiries say", lambda: _texts_open(cli, settings))
    if settings.smtp_host is not None:
        yield _try("mail server", lambda: greet(settings))
    if not told_by_mail(settings):
        yield Finding("mail of emergencies", True, UNTOLD)
    if settings.witness_url is not None:
        yield _try("access log's witness", lambda: _countersigned(cli, settings))
    if (folder := settings.checkpoint_dir) is not None:
        yield _try("checkpoint_dir", lambda: checks.takes_files(folder))
    yield _try("pages", lambda: checks.pages(settings, cli.clock.now()))
    for setting in settings.volumes:
        yield _try(f"volume {setting.path}", lambda path=setting.path: f"{Volume.open(path).free_bytes() / 1e9:.1f} GB free")  # type: ignore[misc]
    if central.ok:  # what is kept for how long stands there
        yield _try("room for the window", lambda: _room(cli, settings))
        yield _try("room until full", lambda: _until_full(cli, settings))
        yield _try("footage past its window", lambda: _overdue(cli, settings))
        yield from _unapproved(cli, settings)


def _unapproved(cli: Cli, settings: Settings) -> Iterator[Finding]:
    """Tell which cameras are not recorded because the Director has not approved where they look."""
    with cli.reading(settings) as session:
        names = [one.camera.name for one in placements.waiting(session, cli.actor)]
    if settings.placement == "required" or names:
        yield Finding("where cameras look", not names, f"live only until approved: {', '.join(names)}" if names else "approved")


def _texts_open(cli: Cli, settings: Settings) -> str:
    with cli.reading(settings) as session:
        found = [complaints.newest_opens(session), inquiries.newest_opens(session)]
    return "their key opens the newest" if any(found) else "there are none"


def _key_findings(settings: Settings) -> Iterator[Finding]:
    yield _try("key store", lambda: _keys_open(settings))
    if settings.footage_key == "credential":
        yield _try("footage key", lambda: checks.no_key_on_the_disk(settings))
    if open_ones := half_done(settings):
        yield Finding("rotation of keys", False, f"half done. Go on: vms keys rotate {' '.join(open_ones)}")


def _room(cli: Cli, settings: Settings) -> str:
    room = measured_room(cli, settings)
    if room is None:
        return "less than an hour was recorded, which says nothing of a day"
    if not room.enough:
        raise Unavailable(room_sentence(room))
    return room_sentence(room)


def _headroom(cli: Cli, settings: Settings, index: Connection) -> Headroom:
    now = cli.clock.now()
    mounted = list(_mounted(settings))
    return headroom(index, mounted, now=now, growing=growth(index, now=now), falling=falling_due(index, mounted, now=now))


def _until_full(cli: Cli, settings: Settings) -> str:
    with cli.index_reading(settings) as index:
        left = _headroom(cli, settings, index)
    said = left_sentence(room_document(left, left.watermark()))
    if left.watermark() is not Watermark.ROOM:
        raise Unavailable(said)
    return said


def _overdue(cli: Cli, settings: Settings) -> str:
    """Say whether anything is there that should be gone, without a retention of its own."""
    from retention.process import standings  # noqa: PLC0415 - only these commands load what deletes

    overdue = sum(one.overdue for one in standings(settings, cli.clock))
    if overdue:
        raise Unavailable(f"{overdue:,} segments should be gone: look for ‘deletion paused’ in the log, and try vms retain --once")
    return "none but what holds keep"


def _platform_findings(cli: Cli) -> Iterator[Finding]:
    machine = platforms.this_machine(cli.data_dir)
    yield Finding("platform", True, f"{machine.system} {machine.release}")
    for sentence in platforms.left_out(machine):
        yield Finding("left out", True, sentence)


def _sandbox_findings() -> Iterator[Finding]:
    """Start a process that re-encodes pictures, as the recorder does, and repeat what it says of its sandbox."""
    from recorder.fallback.child import sandbox_here  # noqa: PLC0415 - only this command asks

    try:
        layers = sandbox_here()
    except (OSError, ValueError) as error:
        yield Finding("sandbox", False, f"JPEG and MPEG-4 cameras can't be recorded: {error}.")
        return
    for layer in layers:
        optional = layer.name == LANDLOCK or sys.platform != "linux"
        yield Finding(f"sandbox: {layer.name}", layer.holds or optional, layer.detail if layer.holds else f"left out: {layer.detail}")


def _try(what: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(what, True, look())
    except (VmsError, OSError) as error:
        return Finding(what, False, str(error))


def _opens(cli: Cli, settings: Settings) -> str:
    with cli.reading(settings):
        return "current"


def _index_opens(cli: Cli, settings: Settings) -> str:
    with cli.index_reading(settings):
        return "current"


def _reconciled(cli: Cli, settings: Settings) -> str:
    """Repeat what `vms retain` found when it last compared index and files; a lost file is told until its day has come."""
    with cli.index_reading(settings) as index:
        now = cli.clock.now()
        return checks.reconciled(reconciliations.newest(index), sum(segments.count_lost(index, ms_of(now)).values()), now)


def _countersigned(cli: Cli, settings: Settings) -> str:
    witness = configured_witness(settings)
    if witness is None:
        return "none"
    with cli.reading(settings) as session:
        state = witness_state(session, witness)
    if state.late:
        reason = "has signed nothing yet" if state.at is None else f"signed last on {state.at:%Y-%m-%d %H:%M} UTC, up to {state.size:,}"
        raise Unavailable(f"{witness.name} {reason}: look for its lines in the log of vms serve.")
    return f"{witness.name} countersigned up to {state.size:,}"


def _keys_open(settings: Settings) -> str:
    _key_store(settings).close()
    return "both copies agree"
