"""`vms camera …`: add, list, test, edit, remove. An address is taken apart into fields here; a password never stands in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from vms.cli import pauses
from vms.cli.context import Cli, allowed, password_from_stdin
from vms.cli.options import AsJson, CameraNamed, PasswordStdin
from vms.cli.output import Exit, err, out, print_json, print_table, sentences
from vms.config import load_settings
from vms.crypto import open_with
from vms.domain.camera import (
    Address,
    Priority,
    RecordingMode,
    Scheme,
    StreamRole,
    address,
    password_aad,
    stream_path,
)
from vms.domain.certificate import fingerprint, spelled_fingerprint
from vms.errors import InvalidInput
from vms.services import cameras
from vms.services.branches import branch_named
from vms.services.cameras import CameraDetails, CameraEdit, NewCamera
from vms.store.key_files import KeyFiles

if TYPE_CHECKING:
    from recorder.probe import Verdict  # loaded by the one command that tests a camera

app = typer.Typer(help="Cameras: add, list, test, edit, pause, resume, remove.", no_args_is_help=True)
app.command("pause")(pauses.pause)
app.command("resume")(pauses.resume)

Url = Annotated[str, typer.Option(help="rtsp:// or rtsps://HOST[:PORT]/PATH, without user name and password.")]
PriorityOf = Annotated[
    Priority | None, typer.Option("--priority", help="Whether it is recorded on when a disk is nearly full: low ones stop first.")
]
Certificate = Annotated[
    str | None, typer.Option("--certificate", help="SHA-256 fingerprint to trust at an rtsps:// address; `vms camera test` shows it.")
]
User = Annotated[str, typer.Option("--user", help="The camera's user name.")]


@app.command("add")
def add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="As people call the place, such as 'Main entrance'.")],
    branch: Annotated[str, typer.Option(help="Name or id of its branch.")],
    url: Url,
    area: Annotated[str, typer.Option(help="Part of the branch, such as Entrance; added where there is none of that name.")] = "",
    sub_url: Annotated[str | None, typer.Option(help="Address of the sub-stream, on the same device.")] = None,
    user: User = "",
    password_stdin: PasswordStdin = False,
    certificate: Certificate = None,
    priority: PriorityOf = None,
    as_json: AsJson = False,
) -> None:
    """Add a camera; recording starts within seconds. `vms camera test --url …` tries one first."""
    cli: Cli = context.obj
    with sentences():
        settings = cli.settings()
        password = password_from_stdin() if password_stdin else ""
        source = _split(url)
        sub_path = _sub_path(sub_url, source) if sub_url else None
        with cli.writing(settings) as session:
            new = NewCamera(
                name=name, branch_id=branch_named(session, cli.actor, branch).id, host=source.host, port=source.port, scheme=source.scheme,
                main_path=source.path, sub_path=sub_path, username=user, password=password, certificate_sha256=_trusted(certificate),
                area=area, priority=priority or Priority.NORMAL,
            )  # fmt: skip
            answer = cameras.add_camera(session, cli.actor, new, at=cli.clock.now(), allow_loopback=settings.allow_loopback_cameras)
        details = allowed(answer)
    _print(details, as_json=as_json)


@app.command("list")
def list_(
    context: typer.Context, branch: Annotated[str | None, typer.Option(help="Only this branch.")] = None, as_json: AsJson = False
) -> None:
    """List the cameras; passwords are never shown."""
    cli: Cli = context.obj
    with sentences(), cli.reading(cli.settings()) as session:
        branch_id = branch_named(session, cli.actor, branch).id if branch else None
        found = cameras.list_cameras(session, cli.actor, branch_id=branch_id)
    if as_json:
        print_json([_document(details) for details in found])
        return
    rows = [(str(d.camera.id), d.camera.name, _place(d), _address(d.device.address), str(d.camera.recording_mode)) for d in found]
    print_table(
        ("id", "camera", "place", "address", "records"),
        rows,
        empty="No cameras yet. Add one: vms camera add NAME --branch B --url rtsp://HOST/PATH",
    )


@app.command("edit")
def edit(
    context: typer.Context,
    camera: CameraNamed,
    name: Annotated[str | None, typer.Option(help="New name.")] = None,
    area: Annotated[str | None, typer.Option(help="New part of the branch; '' for none.")] = None,
    url: Annotated[str | None, typer.Option(help="New address; a new host or port asks for password and certificate again.")] = None,
    sub_url: Annotated[str | None, typer.Option(help="New sub-stream address; '' removes it.")] = None,
    user: Annotated[str | None, typer.Option("--user", help="New user name at the camera.")] = None,
    password_stdin: PasswordStdin = False,
    certificate: Certificate = None,
    recording_mode: Annotated[RecordingMode | None, typer.Option(help="Whether footage is kept.")] = None,
    priority: PriorityOf = None,
) -> None:
    """Change a camera; what is not given stays."""
    cli: Cli = context.obj
    with sentences():
        settings = cli.settings()
        password = password_from_stdin() if password_stdin else None
        source = _split(url) if url else None
        with cli.writing(settings) as session:
            before = allowed(cameras.camera_named(session, cli.actor, camera))
            change = CameraEdit(
                version=before.camera.version, name=name, username=user, password=password, recording_mode=recording_mode, area=area,
                certificate_sha256=_trusted(certificate), priority=priority,
                scheme=source.scheme if source else None, host=source.host if source else None, port=source.port if source else None,
                main_path=source.path if source else None, sub_path=None if sub_url is None else sub_url and _split(sub_url).path,
            )  # fmt: skip
            answer = cameras.edit_camera(
                session, cli.actor, before.camera.id, change, at=cli.clock.now(), allow_loopback=settings.allow_loopback_cameras
            )
        details = allowed(answer)
    _print(details, as_json=False)


@app.command("remove")
def remove(context: typer.Context, camera: CameraNamed, yes: Annotated[bool, typer.Option("--yes", help="Ask nothing.")] = False) -> None:
    """Stop recording a camera and take it off the pages. Its footage stays until its own day."""
    cli: Cli = context.obj
    with sentences():
        settings = cli.settings()
        with cli.reading(settings) as session:
            found = allowed(cameras.camera_named(session, cli.actor, camera))
        if not yes:
            typer.confirm(f"Stop recording {found.camera.name} at {found.branch.name}?", abort=True, err=True)
        with cli.writing(settings) as session:
            answer = cameras.remove_camera(session, cli.actor, found.camera.id, at=cli.clock.now())
        details = allowed(answer)
    out.print(f"{details.camera.name} is no longer recorded. Its footage stays until its own day.")


@app.command("test")
def test(
    context: typer.Context,
    camera: Annotated[str | None, typer.Argument(help="Name or id of a camera, or give --url.")] = None,
    url: Annotated[str | None, typer.Option(help="An address that is not saved: rtsp:// or rtsps://HOST[:PORT]/PATH")] = None,
    user: User = "",
    password_stdin: PasswordStdin = False,
    certificate: Certificate = None,
    as_json: AsJson = False,
) -> None:
    """Try a camera for some seconds and say what it sends, or why it can't record. Nothing is saved but that somebody tried."""
    from recorder.probe import Verdict  # noqa: PLC0415 - only this command needs the RTSP client

    cli: Cli = context.obj
    with sentences():
        try:
            trusted = _trusted(certificate)
            if camera:
                verdict = _test_stored(cli, camera, trusted)
            else:
                verdict = _test_given(cli, url, user, certificate=trusted, password_stdin=password_stdin)
        except BadAddress as error:
            verdict = Verdict(kind="bad_address", sentence=str(error))
    if as_json:
        print_json(verdict.document())
    else:
        out.print(verdict.sentence, markup=False)
        for line in verdict.lines():
            out.print(f"  {line}", markup=False)
    raise SystemExit(Exit.DONE if verdict.ok else Exit.NOT_DONE)


class BadAddress(InvalidInput):
    """What was given is no address of a camera, or one that is not to be asked."""


@dataclass(frozen=True, slots=True)
class _Source:
    """An rtsp:// address taken apart."""

    scheme: str
    host: str
    port: int
    path: str


@dataclass(frozen=True, slots=True)
class _Target:
    address: Address
    path: str
    username: str
    password: str = field(repr=False)
    certificate: bytes | None
    allow_loopback: bool


def _split(url: str) -> _Source:
    """Take an address apart; BadAddress when it carries a credential or is no rtsp:// address."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise BadAddress(f"The address can't be read ({error}). Give one like rtsp://10.20.1.11:554/stream1.") from error
    if parts.username is not None or parts.password is not None:
        raise BadAddress(
            "The address holds a user name or password, which every process on this machine could read. Use --user and --password-stdin."
        )
    if parts.scheme not in (Scheme.RTSP, Scheme.RTSPS) or not parts.hostname:
        raise BadAddress("That is no camera address. Give one like rtsp://10.20.1.11:554/stream1.")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return _Source(parts.scheme, parts.hostname, Scheme(parts.scheme).default_port if port is None else port, path)


def _sub_path(url: str, main: _Source) -> str:
    """Return the sub-stream's path; its host and port must be the main stream's, since both come from one device."""
    sub = _split(url)
    if (sub.scheme, sub.host, sub.port) != (main.scheme, main.host, main.port):
        raise InvalidInput(
            f"Main and sub-stream come from one device, but {main.host}:{main.port} and {sub.host}:{sub.port} differ. "
            "Add a second camera instead."
        )
    return sub.path


def _test_given(cli: Cli, url: str | None, user: str, *, certificate: bytes | None, password_stdin: bool) -> Verdict:
    """Try an address that is not saved; on any machine, with data or without."""
    if not url:
        raise InvalidInput("Nothing to test. Give a camera's name, or --url rtsp://HOST/PATH.")
    source = _split(url)
    allow = load_settings(cli.data_dir).allow_loopback_cameras
    try:
        where = address(source.scheme, source.host, source.port, allow_loopback=allow)
        path = stream_path(source.path)
    except ValueError as error:
        raise BadAddress(str(error)) from error
    return _tried(_Target(where, path, user, password_from_stdin() if password_stdin else "", certificate, allow))


def _test_stored(cli: Cli, text: str, certificate: bytes | None) -> Verdict:
    """Try a stored camera, with another certificate if one is given, and write down in the access log that somebody did."""
    settings = cli.settings()
    with cli.reading(settings) as session:
        details = allowed(cameras.camera_named(session, cli.actor, text))
    device, main = details.device, details.camera.stream(StreamRole.MAIN) or details.camera.streams[0]
    password = ""
    if device.password_sealed:
        password = open_with(KeyFiles(settings.node_key_path), device.password_sealed, password_aad(device.id, device.address)).decode()
    target = _Target(
        device.address, main.path, device.username, password, certificate or device.certificate_sha256, settings.allow_loopback_cameras
    )  # fmt: skip
    verdict = _tried(target)
    with cli.writing(settings) as session:
        cameras.record_test(
            session, cli.actor, camera_id=details.camera.id, address=device.address, verdict=verdict.sentence, at=cli.clock.now()
        )
    return verdict


def _tried(target: _Target) -> Verdict:
    from recorder.probe import test_camera  # noqa: PLC0415

    with err.status("Testing the camera …"):
        return test_camera(
            target.address, target.path, username=target.username, password=target.password,
            allow_loopback=target.allow_loopback, certificate=target.certificate,
        )  # fmt: skip


def _trusted(text: str | None) -> bytes | None:
    try:
        return fingerprint(text) if text else None
    except ValueError as error:
        raise InvalidInput(str(error)) from error


def _print(details: CameraDetails, *, as_json: bool) -> None:
    if as_json:
        print_json(_document(details))
        return
    out.print(f"{details.camera.name} at {_place(details)}, {_address(details.device.address)}, id {details.camera.id}", markup=False)


def _document(details: CameraDetails) -> dict[str, object]:
    camera = details.camera
    return {
        "id": camera.id,
        "name": camera.name,
        "branch": details.branch.name,
        "area": details.area.name if details.area else None,
        "address": _address(details.device.address),
        "username": details.device.username,
        "certificate": spelled_fingerprint(certificate) if (certificate := details.device.certificate_sha256) else None,
        "recording_mode": camera.recording_mode,
        "priority": camera.priority,
        "streams": [{"id": stream.id, "role": stream.role, "path": stream.path} for stream in camera.streams],
    }


def _place(details: CameraDetails) -> str:
    return f"{details.branch.name}, {details.area.name}" if details.area else details.branch.name


def _address(where: Address) -> str:
    return f"{where.scheme}://{where.netloc}"
