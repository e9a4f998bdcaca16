"""`vms request …`: take a request for footage down, see where it stands, and act on it, each act by the person of vms login."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from sqlalchemy.orm import Session

from vms.cli.context import Cli, allowed
from vms.cli.moments import moment_of
from vms.cli.options import AsJson
from vms.cli.output import Exit, out, print_json, print_table, sentences, working
from vms.config import Settings
from vms.domain.export_scope import CameraSpan, Delivery, Terms
from vms.domain.ids import InquiryId, PersonId, RequestId
from vms.domain.instruments import FormAnswer, FormLine, Instrument
from vms.domain.made_package import PackageState
from vms.domain.names import name_key
from vms.domain.outcome import Refused
from vms.domain.people import Permission, Person
from vms.domain.request import DenyReason, ExportRequest, RequestAct, Requester, RequestSeal
from vms.domain.timespan import datetime_of_ms, ms_of
from vms.errors import InvalidInput, NotFound
from vms.services import approvals, request_acts, request_papers, requests, sealed_requests
from vms.services.cameras import camera_of_any_time
from vms.services.district import zone_of_district
from vms.services.people import last_day
from vms.services.request_documents import package_document, request_document, standing_document
from vms.services.request_letters import letter_of
from vms.services.request_seals import may_be_named
from vms.services.requests import NewRequest, RequestStanding

RequestNamed = Annotated[str, typer.Argument(metavar="REQUEST", help="Its number, 2026-0014; vms request list shows them.")]
Words = Annotated[str, typer.Option(help="What is to be said, in your words.")]
CamerasNamed = Annotated[list[str], typer.Option(help="Name or id of a camera, also of a removed one; repeat for several.")]
Start = Annotated[str, typer.Option("--from", help="From when on, 2026-11-25T18:00-08:00.")]
End = Annotated[str, typer.Option("--to", help="Until when.")]
Done = TypeVar("Done")

app = typer.Typer(help="Requests for footage: who asked, what for, and the Director's decision.", no_args_is_help=True)


@app.command("enter")
def enter(
    context: typer.Context,
    instrument: Annotated[Instrument, typer.Option(help="By which paper, or without one, somebody asks.")],
    name: Annotated[str, typer.Option(help="Who asks.")],
    purpose: Annotated[str, typer.Option(help="What it is needed for.")],
    camera: CamerasNamed,
    start: Start,
    end: End,
    local_time: Annotated[str, typer.Option(help="The time as it was given, in words.")],
    agency: Annotated[str, typer.Option(help="Of which agency or firm.")] = "",
    badge: Annotated[str, typer.Option(help="Badge or other number.")] = "",
    contact: Annotated[str, typer.Option(help="How they are reached.")] = "",
    verified: Annotated[str, typer.Option(help="How it was made sure who asks, and by whom.")] = "",
    court: Annotated[str, typer.Option(help="Which court the paper comes from.")] = "",
    docket: Annotated[str, typer.Option(help="Its number there.")] = "",
    served: Annotated[str, typer.Option(help="The day on which it was served, 2026-11-24.")] = "",
    answer_by: Annotated[str, typer.Option(help="The last day that the paper names, 2026-12-01.")] = "",
    report: Annotated[str, typer.Option(help="The number of the police report or incident.")] = "",
    necessity: Annotated[str, typer.Option(help="Why so much is needed, for more than two camera hours or four cameras.")] = "",
    delivery: Annotated[Delivery, typer.Option(help="How it is to be handed over.")] = Delivery.BY_HAND,
    sealed: Annotated[bool, typer.Option("--sealed", help="The law keeps it secret: it exists for those who are named alone.")] = False,
    named: Annotated[list[str] | None, typer.Option(help="An account for which a sealed one exists; repeat for several.")] = None,
    inquiry: Annotated[int | None, typer.Option(help="By the public form, of which it is made; vms inquiry show has what it says.")] = None,
    as_json: AsJson = False,
) -> None:
    """Take a request down: what it asks for is kept from now on, and the Director decides."""
    cli: Cli = context.obj
    with sentences():
        settings = cli.settings()
        person = cli.person(settings)
        with cli.writing(settings) as session:
            new = NewRequest(
                instrument=instrument,
                requester=Requester(name, agency, badge, contact),
                purpose=purpose,
                footage=footage_of(session, person, camera, start, end),
                local_time=local_time,
                verified=verified,
                court=court,
                docket=docket,
                served_on=served,
                answer_by=last_day(answer_by, zone_of_district(session)),
                report_number=report,
                necessity=necessity,
                delivery=delivery,
                sealed=sealed,
                named=_people(session, person, named or [], cli),
                inquiry=None if inquiry is None else InquiryId(inquiry),
            )
            answer = requests.enter(session, settings, person, new, at=cli.clock.now())
        request = allowed(answer)
    if as_json:
        print_json(request_document(request, cli.clock.now()))
        return
    out.print(
        f"Request {request.number}. What it asks for is kept while it is open. It is to be answered by {request.due_at:%Y-%m-%d %H:%M} UTC."
    )


@app.command("list")
def list_(context: typer.Context, as_json: AsJson = False) -> None:
    """List the requests that you entered, or may read, the newest first."""
    cli: Cli = context.obj
    with sentences():
        settings = cli.settings()
        person = cli.person(settings)
        with cli.reading(settings) as session:
            found = allowed(requests.list_requests(session, person))
    at = cli.clock.now()
    if as_json:
        print_json({"requests": [request_document(one, at) for one in found]})
        return
    rows = [(one.number, one.instrument.value, one.requester.name, one.state_at(at).value, _due(one, cli)) for one in found]
    print_table(("Number", "Instrument", "Who asks", "State", "Due"), rows, empty="No requests. Enter one: vms request enter")


@app.command("show")
def show(context: typer.Context, request: RequestNamed, as_json: AsJson = False) -> None:
    """Show a request: what it asks for, its history, its papers, and what keeps it from being approved."""
    cli: Cli = context.obj
    with sentences():
        standing = standing_of_request(cli, request)
    at = cli.clock.now()
    if as_json:
        print_json(standing_document(standing, at))
        return
    one = standing.request
    out.print(
        f"Request {one.number}, {one.instrument.value}: {one.state_at(at).value}. Asked by {one.requester.name}, {one.requester.agency}."
    )
    out.print(f"Digest of what it asks for: {one.sha256}")
    for span in one.scope.footage:
        name = standing.names.get(span.camera_id, str(span.camera_id))
        out.print(f"  {name}: {datetime_of_ms(span.start_ms):%Y-%m-%d %H:%M:%S} to {datetime_of_ms(span.end_ms):%Y-%m-%d %H:%M:%S} UTC")
    out.print(f"For {_terms(one.scope.terms)}. The time as it was given: {one.scope.local_time}")
    if one.seal is not None:
        out.print(_seal(one.seal))
    for sentence in standing.faults_at(at):
        out.print(f"Before an approval: {sentence}")
    rows = [(f"{event.at:%Y-%m-%d %H:%M}", event.act.value, event.state.value, event.by_name, event.words) for event in standing.history]
    print_table(("When, UTC", "Act", "Then", "By", "Words"), rows, empty="")
    for paper in standing.papers:
        out.print(f"Paper {paper.id}: {paper.name}, SHA-256 {paper.sha256}")


@app.command("act")
def act(
    context: typer.Context,
    request: RequestNamed,
    what: Annotated[str, typer.Argument(metavar="ACT", help=f"One of: {', '.join(sorted(request_acts.WORDED))}.")],
    words: Words,
    as_json: AsJson = False,
) -> None:
    """Ask back, answer, say who asks, that the Board or counsel was asked; contest, reopen, withdraw, take back, close."""

    def carry_out(session: Session, settings: Settings, person: Person, number: RequestId) -> ExportRequest | Refused:
        if what not in set(request_acts.WORDED):
            raise InvalidInput(f"‘{what}’ is no act of those: {', '.join(sorted(request_acts.WORDED))}.")
        return request_acts.act_on(session, settings, person, number, RequestAct(what), words, at=context.obj.clock.now())

    print_request(context, do_to(context, request, carry_out), as_json=as_json)


@app.command("check")
def check(
    context: typer.Context,
    request: RequestNamed,
    line: Annotated[list[FormLine], typer.Option(help="A line of the form check; repeat for several.")],
    answer: Annotated[FormAnswer, typer.Option(help="To each of them.")],
    words: Words = "",
    as_json: AsJson = False,
) -> None:
    """Answer lines of the form check of a paper."""

    def carry_out(session: Session, settings: Settings, person: Person, number: RequestId) -> ExportRequest | Refused:
        return request_acts.check_form(session, settings, person, number, dict.fromkeys(line, answer), words, at=context.obj.clock.now())

    print_request(context, do_to(context, request, carry_out), as_json=as_json)


@app.command("paper")
def paper(
    context: typer.Context,
    request: RequestNamed,
    add: Annotated[Path | None, typer.Option(help="A scan to be kept with it, encrypted.")] = None,
    take: Annotated[int | None, typer.Option(help="Number of a scan to take out.")] = None,
    to: Annotated[Path | None, typer.Option(help="The new file to take it out into.")] = None,
) -> None:
    """Keep the scan of a paper with a request, or take one out into a file; it is never opened here."""
    cli: Cli = context.obj
    with sentences():
        if (add is None) is (take is None) or (take is not None and to is None):
            raise InvalidInput("Say which: --add FILE, or --take NUMBER --to FILE.")
        if add is not None:
            content = content_of(add)
            kept = do_to(
                context,
                request,
                lambda session, settings, person, number: request_papers.add_paper(
                    session, settings, person, number, add.name, content, at=cli.clock.now()
                ),
            )
            out.print(f"Paper {kept.id}: {kept.name}, SHA-256 {kept.sha256}")
        elif take is not None and to is not None:
            told, content = do_to(
                context,
                request,
                lambda session, settings, person, number: request_papers.read_paper(
                    session, settings, person, number, take, at=cli.clock.now()
                ),
            )
            write_new(to, content)
            out.print(f"{told.name} is in {to}, SHA-256 {told.sha256}")


@app.command("advise")
def advise(context: typer.Context, request: RequestNamed, words: Words = "", as_json: AsJson = False) -> None:
    """Write down what counsel advises, or read it: privileged, and in no log."""
    cli: Cli = context.obj
    if words:
        print_request(
            context,
            do_to(
                context,
                request,
                lambda session, settings, person, number: request_papers.advise(
                    session, settings, person, number, words, at=cli.clock.now()
                ),
            ),
            as_json=as_json,
        )
        return
    found = do_to(
        context,
        request,
        lambda session, settings, person, number: request_papers.read_advice(session, settings, person, number, at=cli.clock.now()),
    )
    if as_json:
        print_json({"advice": [{"words": one.words, "by": one.by_name, "at": one.at} for one in found]})
        return
    for one in found:
        out.print(f"{one.at:%Y-%m-%d %H:%M} UTC, {one.by_name}: {one.words}")


@app.command("approve")
def approve(
    context: typer.Context,
    request: RequestNamed,
    sha256: Annotated[str, typer.Option(help="Digest of what you looked at; vms request show prints it.")],
    words: Words = "",
    as_json: AsJson = False,
) -> None:
    """Agree that footage leaves, exactly as the scope of this digest says; needs a vms login of the last five minutes."""

    def carry_out(session: Session, settings: Settings, person: Person, number: RequestId) -> ExportRequest | Refused:
        return approvals.approve(session, settings, person, number, sha256, words, at=context.obj.clock.now())

    with sentences():
        context.obj.proved_person(context.obj.settings())
    print_request(context, do_to(context, request, carry_out), as_json=as_json)


@app.command("package")
def package(
    context: typer.Context,
    request: RequestNamed,
    wait: Annotated[bool, typer.Option("--wait", help="Make it here and now, or wait for the hub's jobs that do.")] = False,
    as_json: AsJson = False,
) -> None:
    """Have the package of an approved request made: exactly what was approved, checked, and kept on the server until it leaves."""
    from vms.services.package_jobs import ask_package  # noqa: PLC0415 - only what makes packages loads what draws their papers

    cli: Cli = context.obj
    asked = do_to(
        context, request, lambda session, settings, person, number: ask_package(session, settings, person, number, at=cli.clock.now())
    )
    with sentences():
        if wait:
            _make_here(cli)
        standing = standing_of_request(cli, request)
    made = standing.package or asked
    if as_json:
        print_json(package_document(made, standing.request))
    elif made.state is PackageState.READY:
        until = made.leaves_until(standing.request.scope.terms)
        out.print(f"The package of request {standing.request.number} is ready: {made.files} video files, {made.size_bytes:,} octets.")
        out.print(f"SHA-256 of its manifest: {made.manifest}. It can be handed over until {until:%Y-%m-%d %H:%M} UTC; then it is deleted.")
    elif made.state is PackageState.PROVING:
        out.print(
            f"The package of request {standing.request.number} is made, and waits for the access log to be signed: some five minutes."
        )
    else:
        out.print(f"The package of request {standing.request.number}: {made.state}. {made.sentence}".rstrip())
    raise SystemExit(Exit.WRONG if made.state in (PackageState.FAILED, PackageState.GONE) else Exit.DONE)


@app.command("deny")
def deny(
    context: typer.Context,
    request: RequestNamed,
    reason: Annotated[DenyReason, typer.Option(help="Why, for the counts and the letter.")],
    words: Words,
    as_json: AsJson = False,
) -> None:
    """Refuse a request; vms request letter prints the answer, and what it asks for is kept for 30 days more."""

    def carry_out(session: Session, settings: Settings, person: Person, number: RequestId) -> ExportRequest | Refused:
        return request_acts.deny(session, settings, person, number, reason, words, at=context.obj.clock.now())

    print_request(context, do_to(context, request, carry_out), as_json=as_json)


@app.command("narrow")
def narrow(
    context: typer.Context,
    request: RequestNamed,
    camera: CamerasNamed,
    start: Start,
    end: End,
    words: Words,
    redact: Annotated[str | None, typer.Option(help="Who or what is to be made unrecognisable; left out: as before.")] = None,
    conditions: Annotated[str | None, typer.Option(help="What the recipient is held to; left out: as before.")] = None,
    until: Annotated[str | None, typer.Option(help="Last day on which it is handed over, 2026-12-31; left out: as before.")] = None,
    as_json: AsJson = False,
) -> None:
    """Let a request ask for less: fewer cameras, less time, other terms. An approval of more counts no longer."""

    def carry_out(session: Session, settings: Settings, person: Person, number: RequestId) -> ExportRequest | Refused:
        found = requests.request_called(session, person, str(number))
        if isinstance(found, Refused):
            return found
        terms = found.scope.terms
        terms = replace(
            terms,
            redact=terms.redact if redact is None else redact,
            conditions=terms.conditions if conditions is None else conditions,
            expires_ms=terms.expires_ms if until is None else requests.until_ms(until, zone_of_district(session)),
        )
        spans = footage_of(session, person, camera, start, end)
        return approvals.narrow(session, settings, person, number, spans, terms, words, at=context.obj.clock.now())

    print_request(context, do_to(context, request, carry_out), as_json=as_json)


@app.command("name")
def name_(
    context: typer.Context,
    request: RequestNamed,
    person: Annotated[list[str], typer.Option(help="An account for which it exists from now on; repeat for several.")],
    as_json: AsJson = False,
) -> None:
    """Let a sealed request exist for more people."""

    def carry_out(session: Session, settings: Settings, by: Person, number: RequestId) -> ExportRequest | Refused:
        wanted = _people(session, by, person, context.obj)
        return sealed_requests.name_more(session, settings, by, number, wanted, at=context.obj.clock.now())

    print_request(context, do_to(context, request, carry_out), as_json=as_json)


@app.command("unseal")
def unseal(
    context: typer.Context,
    request: RequestNamed,
    ended: Annotated[str, typer.Option(help="The day on which the order ended that made it secret, 2026-11-24.")],
    words: Words,
    as_json: AsJson = False,
) -> None:
    """Lift the seal of a request: it is one like any other from now on; needs a vms login of the last five minutes."""

    def carry_out(session: Session, settings: Settings, person: Person, number: RequestId) -> ExportRequest | Refused:
        return sealed_requests.unseal(session, settings, person, number, ended, words, at=context.obj.clock.now())

    with sentences():
        context.obj.proved_person(context.obj.settings())
    print_request(context, do_to(context, request, carry_out), as_json=as_json)


@app.command("letter")
def letter(context: typer.Context, request: RequestNamed) -> None:
    """Print the letter that fits how a request stands: a receipt, a question, what to bring, a refusal, an approval."""
    with sentences():
        found = letter_of(standing_of_request(context.obj, request), at=context.obj.clock.now())
    out.print(found.title)
    for paragraph in found.paragraphs:
        out.print()
        out.print(paragraph)


def _make_here(cli: Cli) -> None:
    """Make the packages that wait in this process; the log's key is read here."""
    from vms.services.log_key import read_log_key  # noqa: PLC0415 - as above
    from vms.services.log_proof import sign_all  # noqa: PLC0415
    from vms.services.package_footage import footage_here  # noqa: PLC0415
    from vms.services.package_jobs import make_packages  # noqa: PLC0415
    from vms.services.packages import Hub  # noqa: PLC0415
    from vms.services.signed_notes import SignedNotes  # noqa: PLC0415

    settings = cli.settings()
    key = read_log_key(settings)
    with cli.central(settings) as central, working("Making the package"):
        hub = Hub(central, key, lambda: sign_all(central, key, SignedNotes(settings), cli.clock))
        make_packages(settings, hub, partial(footage_here, settings, central), cli.clock)


def do_to(context: typer.Context, text: str, act: Callable[[Session, Settings, Person, RequestId], Done | Refused]) -> Done:
    """Do `act` to the request of that number, as the person of vms login."""
    cli: Cli = context.obj
    with sentences():
        settings = cli.settings()
        person = cli.person(settings)
        with cli.writing(settings) as session:
            found = requests.request_called(session, person, text)
            answer = found if isinstance(found, Refused) else act(session, settings, person, found.id)
        return allowed(answer)


def standing_of_request(cli: Cli, text: str) -> RequestStanding:
    settings = cli.settings()
    person = cli.person(settings)
    with cli.reading(settings) as session:
        found = requests.request_called(session, person, text)
        return allowed(found if isinstance(found, Refused) else requests.request_for(session, settings, person, found.id))


def print_request(context: typer.Context, request: ExportRequest, *, as_json: bool) -> None:
    at = context.obj.clock.now()
    if as_json:
        print_json(request_document(request, at))
        return
    out.print(f"Request {request.number}: {request.state_at(at).value}. Digest of what it asks for: {request.sha256}")


def footage_of(session: Session, person: Person, cameras: list[str], start: str, end: str) -> tuple[CameraSpan, ...]:
    first, last = ms_of(moment_of(start)), ms_of(moment_of(end))
    if not 0 <= first < last:
        raise InvalidInput("--from lies before --to, and in 1970 or later.")
    found = (camera_of_any_time(session, person, text).camera.id for text in cameras)
    return tuple(CameraSpan(camera, first, last) for camera in found)


def _people(session: Session, person: Person, names: list[str], cli: Cli) -> tuple[PersonId, ...]:
    """Return the accounts of these names that a seal may name; none for who may not seal, whatever they typed."""
    if not person.may(Permission.REQUEST_DECIDE):
        return ()
    able = {name_key(one.name): one.id for one in may_be_named(session, at=cli.clock.now())}
    for name in names:
        if name_key(name) not in able:
            raise InvalidInput(f"‘{name}’ is no account that may read the register of requests. Name one that may.")
    return tuple(able[name_key(name)] for name in names)


def _seal(seal: RequestSeal) -> str:
    if seal.lifted is not None:
        return f"Sealed until {seal.lifted.on}: {seal.lifted.reason} Its sealed entries: vms log unseal {seal.matter}"
    return f"Sealed: nobody learns of it but {', '.join(seal.named.values())}. Its entries: vms log show --sealed {seal.matter}"


def _terms(terms: Terms) -> str:
    """Return on what terms footage is to leave: all of them, since an approval is of their digest."""
    redacted = f", with {terms.redact} made unrecognisable" if terms.redact else ""
    conditions = f", on these conditions: {terms.conditions}" if terms.conditions else ""
    before = "" if terms.expires_ms is None else f", before {datetime_of_ms(terms.expires_ms):%Y-%m-%d %H:%M} UTC"
    return f"{terms.recipient}, {terms.delivery}{redacted}{conditions}{before}"


def content_of(path: Path, most: int = request_papers.MAX_PAPER_BYTES) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(most + 1)
    except OSError as err:
        raise NotFound(f"{path} can't be read ({err.strerror}). Name a file that is there.") from err


def write_new(path: Path, content: bytes) -> None:
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
    except OSError as err:
        raise InvalidInput(f"{path} can't be written ({err.strerror}). Name a file that is not there yet.") from err


def _due(request: ExportRequest, cli: Cli) -> str:
    return f"{request.due_at:%Y-%m-%d}" + (" (was due)" if request.is_overdue(cli.clock.now()) else "")
