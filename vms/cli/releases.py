"""`vms request release`, `receipt`, `ticket` and `take-back`: a package leaves by hand, on a new medium, or by download."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.orm import Session

from vms.cli.context import Cli, allowed
from vms.cli.options import AsJson
from vms.cli.output import out, print_json, sentences, working
from vms.cli.requests import RequestNamed, do_to, standing_of_request, write_new
from vms.config import Settings
from vms.domain.export_scope import Delivery
from vms.domain.ids import RequestId
from vms.domain.outcome import Refused
from vms.domain.package_release import Medium
from vms.domain.people import Person
from vms.errors import InvalidInput
from vms.services import requests
from vms.services.codes import grouped, new_code
from vms.services.district import load_district, zone_of_district
from vms.services.request_documents import ticket_document


def release(
    context: typer.Context,
    request: RequestNamed,
    to: Annotated[Path, typer.Option(help="The folder where the new medium is mounted, /media/USB.")],
    taken_by: Annotated[str, typer.Option(help="Who takes it.")],
    label: Annotated[str, typer.Option(help="What is written on the medium; left out: its maker and model.")] = "",
    serial: Annotated[str, typer.Option(help="Its serial number; left out: the one that it tells.")] = "",
    recipient_key: Annotated[
        str, typer.Option(help="Of an encrypted file: the age key (age1…) of who opens it, in a passphrase's stead.")
    ] = "",
    own_disk: Annotated[bool, typer.Option("--own-disk", help="The folder lies on this machine's own disk, and that is meant.")] = False,
    as_json: AsJson = False,
) -> None:
    """Hand a package over: written down, copied onto a new medium, read back from it; needs a vms login of the last five minutes."""
    from vms.services.package_release import (  # noqa: PLC0415 - what makes packages draws their papers, which takes time to load
        Handover,
        medium_at,
        release_by_hand,
    )

    cli: Cli = context.obj
    with sentences():
        settings = cli.settings()
        person = cli.proved_person(settings)
        known = medium_at(to)
        if not own_disk and to.exists() and to.stat().st_dev == settings.data_dir.stat().st_dev:
            raise InvalidInput(f"{to} lies on the disk of this machine. Mount the medium there, or give --own-disk if that is meant.")
        with cli.central(settings) as central, working("Copying the package, and reading it back"):
            with central.reading() as session:
                found = allowed(requests.request_called(session, person, request))
            medium = Medium(label or known.label, serial or known.serial)
            handover = Handover(to, medium, taken_by, "" if recipient_key else grouped(new_code()), recipient_key)
            answer = release_by_hand(central, settings, person, found.id, handover, clock=cli.clock)
        done, folder = allowed(answer)
    encrypted = found.scope.terms.delivery is Delivery.ENCRYPTED_FILE
    passphrase = handover.passphrase if encrypted else ""
    if as_json:
        print_json(
            {"request": found.number, "folder": str(folder), "medium": str(done.medium), "at": done.at, "read_back_at": done.read_back_at}
            | ({"passphrase": passphrase} if passphrase else {})
        )
        return
    out.print(f"The package of request {found.number} is in {folder}, and was read back whole. Medium: {done.medium}.", markup=False)
    if passphrase:
        out.print(f"It is encrypted. Its passphrase, shown this once: {passphrase}", highlight=False, markup=False)
        out.print("Tell it another way than the file goes. HOW-TO-OPEN.txt, beside the file, says how it is opened.")
    out.print(f"Print the receipt and have it signed: vms request receipt {found.number} --to receipt.pdf")


def receipt(context: typer.Context, request: RequestNamed, to: Annotated[Path, typer.Option(help="The new file, a PDF.")]) -> None:
    """Write the receipt that whoever took a package, or was shown it on site, signs."""
    from vms.services.request_receipt import receipt_of, receipt_pdf  # noqa: PLC0415 - as above

    cli: Cli = context.obj
    with sentences():
        settings = cli.settings()
        standing = standing_of_request(cli, request)
        with cli.reading(settings) as session:
            district, zone = load_district(session), zone_of_district(session)
        found = receipt_of(standing, zone)
        write_new(to, receipt_pdf(found, district.name if district else ""))
    out.print(str(to), highlight=False, soft_wrap=True)


def ticket(
    context: typer.Context,
    request: RequestNamed,
    recipient: Annotated[str, typer.Option("--for", help="Who is to download it.")],
    as_json: AsJson = False,
) -> None:
    """Let a package go by download: a ticket and its passphrase, shown once; needs a vms login of the last five minutes."""
    from vms.services.package_tickets import NewTicket, hand_out  # noqa: PLC0415 - as above

    def carry_out(session: Session, settings: Settings, person: Person, number: RequestId) -> NewTicket | Refused:
        return hand_out(session, settings, person, number, recipient, at=context.obj.clock.now())

    new = do_to(context, request, carry_out)
    told = new.ticket
    if as_json:
        print_json(ticket_document(told) | {"passphrase": new.passphrase})
        return
    until = f"{told.until:%Y-%m-%d %H:%M} UTC"
    out.print(f"Ticket {grouped(told.number)} for {told.recipient}, until {until}.", highlight=False, markup=False)
    out.print(f"Its passphrase, shown this once: {new.passphrase}", highlight=False, markup=False)
    out.print(f"Tell it another way than the ticket. The download is at /download, {told.most_downloads} times at most.", highlight=False)


def take_back(context: typer.Context, request: RequestNamed) -> None:
    """Take back every ticket for downloading the package of a request; what is being downloaded ends within seconds."""
    from vms.services import package_tickets  # noqa: PLC0415 - as above

    def carry_out(session: Session, settings: Settings, person: Person, number: RequestId) -> int | Refused:
        return package_tickets.take_back(session, settings, person, number, at=context.obj.clock.now())

    count = do_to(context, request, carry_out)
    out.print(f"{count} {'ticket opens' if count == 1 else 'tickets open'} nothing any more.")
