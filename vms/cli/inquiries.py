"""`vms inquiry …`: what came by the public form, as the person of vms login; a request is made of one by vms request enter --inquiry."""

from __future__ import annotations

from typing import Annotated

import typer

from vms.cli.context import Cli, allowed
from vms.cli.options import AsJson
from vms.cli.output import out, print_json, print_table, sentences, unreadable
from vms.domain.ids import InquiryId
from vms.domain.inquiry import Inquiry
from vms.services import inquiries
from vms.services.inquiry_documents import inquiry_document, inquiry_row

app = typer.Typer(help="Inquiries by the public form: looked at, made into requests, or set aside.", no_args_is_help=True)
InquiryNumber = Annotated[int, typer.Argument(metavar="INQUIRY", help="Its number; vms inquiry list shows it.")]


@app.command("list")
def list_(context: typer.Context, as_json: AsJson = False) -> None:
    """List what came by the public form, what waits first; what they say is shown one by one."""
    cli: Cli = context.obj
    with sentences():
        settings = cli.settings()
        person = cli.person(settings)
        with cli.reading(settings) as session:
            found = allowed(inquiries.list_inquiries(session, person))
    if as_json:
        print_json({"inquiries": [inquiry_row(one) for one in found]})
        return
    rows = [(str(one.id), one.asked_by.value, f"{one.at:%Y-%m-%d %H:%M}", one.state.value + unreadable(one.fault)) for one in found]
    print_table(("Number", "Asked by", "Came, UTC", "State"), rows, empty="No inquiry came.")


@app.command("show")
def show(context: typer.Context, inquiry: InquiryNumber, as_json: AsJson = False) -> None:
    """Show an inquiry; that you read it is written into the access log."""
    cli: Cli = context.obj
    with sentences():
        settings = cli.settings()
        person = cli.person(settings)
        with cli.writing(settings) as session:
            found = inquiries.read_inquiry(session, person, InquiryId(inquiry), at=cli.clock.now())
        _print(allowed(found), as_json=as_json)


@app.command("aside")
def aside(
    context: typer.Context,
    inquiry: InquiryNumber,
    reason: Annotated[str, typer.Option(help="Why nothing comes of it.")],
    as_json: AsJson = False,
) -> None:
    """Set an inquiry aside, with a reason."""
    cli: Cli = context.obj
    with sentences():
        settings = cli.settings()
        person = cli.person(settings)
        with cli.writing(settings) as session:
            found = inquiries.set_aside(session, person, InquiryId(inquiry), reason, at=cli.clock.now())
        _print(allowed(found), as_json=as_json)


def _print(inquiry: Inquiry, *, as_json: bool) -> None:
    if as_json:
        print_json(inquiry_document(inquiry))
        return
    out.print(f"Inquiry {inquiry.id}: {inquiry.state.value}. Asked by {inquiry.name}, {inquiry.agency or inquiry.asked_by.value}.")
    out.print(f"Reached: {inquiry.contact}. Brings a paper: {'yes' if inquiry.brings_paper else 'no'}.")
    out.print(f"{inquiry.place}, {inquiry.when}")
    out.print(inquiry.happened)
    if inquiry.outcome is not None and inquiry.outcome.reason:
        out.print(f"Set aside by {inquiry.outcome.by_name}: {inquiry.outcome.reason}")
