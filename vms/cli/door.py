"""A search warrant at the door: `vms request door`, `call` and `look-over`; and `vms deputy …`, who is called then."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vms.cli.context import Cli, allowed
from vms.cli.options import AsJson
from vms.cli.output import out, print_json, print_table, sentences
from vms.cli.requests import CamerasNamed, End, RequestNamed, Start, content_of, footage_of, print_request
from vms.domain.door import Deputy
from vms.domain.outcome import Refused
from vms.domain.request import Requester
from vms.errors import InvalidInput
from vms.services import deputies, door, people, requests
from vms.services.deputies import NamedDeputy
from vms.services.door import LookedOver, Warrant

deputy_app = typer.Typer(help="Who is called when a search warrant is at the door, in which order.", no_args_is_help=True)


def take_in(
    context: typer.Context,
    name: Annotated[str, typer.Option(help="The officer's name.")],
    court: Annotated[str, typer.Option(help="Which court the warrant comes from.")],
    docket: Annotated[str, typer.Option(help="Its number there.")],
    camera: CamerasNamed,
    start: Start,
    end: End,
    agency: Annotated[str, typer.Option(help="Of which agency.")] = "",
    badge: Annotated[str, typer.Option(help="Badge number.")] = "",
    photograph: Annotated[Path | None, typer.Option(help="Photograph or scan of the paper, kept encrypted.")] = None,
) -> None:
    """Take in a search warrant that somebody brings: what it names is kept, and the first deputy is mailed; prints whom to call."""
    cli: Cli = context.obj
    with sentences():
        settings = cli.settings()
        person, at = cli.person(settings), cli.clock.now()
        paper = None if photograph is None else (photograph.name, content_of(photograph))
        with cli.writing(settings) as session:
            footage = footage_of(session, person, camera, start, end)
            answer = door.take_in(
                session, settings, person, Warrant(Requester(name, agency, badge, ""), court, docket, footage, paper), at=at
            )
        request = allowed(answer)
        with cli.reading(settings) as session:
            to_call = allowed(door.to_call(session, person, request.id, at=at))
    out.print(f"Request {request.number}. What the warrant names is kept. Print the receipt: vms request letter {request.number}")
    rows = [(str(place), one.named.name, one.named.deputy.phone) for place, one in enumerate(to_call, 1)]
    print_table(("Call", "Who", "Telephone"), rows, empty="The Director has named nobody to call: call the Director.")


def note_call(
    context: typer.Context,
    request: RequestNamed,
    name: Annotated[str, typer.Argument(help="Which deputy was called, by the sign-in name.")],
    reached: Annotated[bool, typer.Option("--reached/--not-reached", help="Whether they were reached.")],
) -> None:
    """Write down that a deputy was called about a warrant, and whether they were reached."""
    cli: Cli = context.obj
    with sentences():
        settings = cli.settings()
        person = cli.person(settings)
        with cli.writing(settings) as session:
            found = requests.request_called(session, person, request)
            deputy = allowed(people.account_named(session, cli.actor, name)).id
            answer = (
                found
                if isinstance(found, Refused)
                else door.note_call(session, settings, person, found.id, deputy, reached=reached, at=cli.clock.now())
            )
        call = allowed(answer)
    out.print(f"{call.name}: {'reached' if call.reached else 'not reached'} at {call.at:%Y-%m-%d %H:%M:%S} UTC.")


def look_over(
    context: typer.Context,
    request: RequestNamed,
    verified: Annotated[str, typer.Option(help="How it was made sure who brings it.")],
    counsel: Annotated[str, typer.Option(help="Who of counsel was told, when and how.")],
    board: Annotated[str, typer.Option(help="Why the Board was not conferred with before.")],
    as_json: AsJson = False,
) -> None:
    """Answer every line of a warrant's form check with yes, and all else that is asked before its approval."""
    cli: Cli = context.obj
    with sentences():
        settings = cli.settings()
        person = cli.person(settings)
        with cli.writing(settings) as session:
            found = requests.request_called(session, person, request)
            answer = (
                found
                if isinstance(found, Refused)
                else door.look_over(session, settings, person, found.id, LookedOver(verified, counsel, board), at=cli.clock.now())
            )
    print_request(context, allowed(answer), as_json=as_json)


@deputy_app.command("list")
def list_(context: typer.Context, as_json: AsJson = False) -> None:
    """List who is called, the first first."""
    cli: Cli = context.obj
    with sentences():
        settings = cli.settings()
        cli.person(settings)
        with cli.reading(settings) as session:
            found = deputies.list_deputies(session, at=cli.clock.now())
    _print(found, as_json=as_json)


@deputy_app.command("set")
def set_(
    context: typer.Context,
    deputy: Annotated[
        list[str] | None, typer.Argument(metavar="NAME,PHONE,MAIL...", help="In the order of calling; PHONE or MAIL may be empty.")
    ] = None,
    nobody: Annotated[bool, typer.Option("--nobody", help="Nobody is to be called: empty the list.")] = False,
    as_json: AsJson = False,
) -> None:
    """Put this list in the place of the one before; the Director, with a vms login of the last five minutes."""
    cli: Cli = context.obj
    with sentences():
        settings = cli.settings()
        person = cli.proved_person(settings)
        with cli.writing(settings) as session:
            told = []
            for text in deputy or ():
                name, phone, mail = _parts(text)
                told.append(Deputy(allowed(people.account_named(session, cli.actor, name)).id, phone, mail))
            answer = deputies.set_deputies(session, person, told, nobody=nobody, at=cli.clock.now())
        _print(allowed(answer), as_json=as_json)


def _parts(text: str) -> tuple[str, str, str]:
    parts = [part.strip() for part in text.rsplit(",", 2)]  # a name may have commas of its own
    if len(parts) != 3:
        raise InvalidInput(f"‘{text}’ is no deputy. Write NAME,PHONE,MAIL with both commas, such as helen,555-0100,")
    return parts[0], parts[1], parts[2]


def _print(found: list[NamedDeputy], *, as_json: bool) -> None:
    if as_json:
        print_json({"deputies": [{"name": one.name, "phone": one.deputy.phone, "mail": one.deputy.mail} for one in found]})
        return
    rows = [(str(place), one.name, one.deputy.phone, one.deputy.mail) for place, one in enumerate(found, 1)]
    print_table(("Call", "Who", "Telephone", "Mail"), rows, empty="Nobody yet. The Director names them: vms deputy set NAME,PHONE,MAIL")
