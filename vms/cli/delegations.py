"""Commands that lend the Delegate's role to an account that exists: delegation propose, confirm, end, list."""

from __future__ import annotations

from typing import Annotated

import typer

from vms.cli.context import Cli, allowed
from vms.cli.options import AccountNamed, AsJson
from vms.cli.output import out, print_json, print_table, sentences
from vms.cli.people import WAITS, act_on, area_of, delegation_document
from vms.domain.delegation import Delegation
from vms.domain.outcome import Refused
from vms.domain.people import Actor, Permission, Person
from vms.errors import InvalidInput
from vms.services import people
from vms.services.branches import branch_named
from vms.services.delegations import NewDelegation, confirm_delegation, propose_delegation, revoke_delegation
from vms.services.district import zone_of_district
from vms.services.people import first_day, last_day

WAITS_FOR_ANOTHER = "another Director confirms it; where there is none it counts in three days, unless somebody with an account stops it"

app = typer.Typer(help="The Delegate's role, lent to an account for some days.", no_args_is_help=True)


@app.command("propose")
def propose(
    context: typer.Context,
    name: AccountNamed,
    until: Annotated[str, typer.Option(help="Last day, 2026-12-31.")],
    since: Annotated[str, typer.Option("--from", help="First day, 2026-12-01; left out: as soon as it is confirmed.")] = "",
    branch: Annotated[list[str] | None, typer.Option(help="A branch it is limited to; repeat for several.")] = None,
    area: Annotated[list[str] | None, typer.Option(help="BRANCH/AREA: that part of another branch alone; repeat for several.")] = None,
    reason: Annotated[str, typer.Option(help="Why, such as 'leave of the Director'.")] = "",
) -> None:
    """Propose that somebody holds the Delegate's role besides the own one; the Director confirms it."""
    cli: Cli = context.obj
    with sentences():
        settings, at = cli.settings(), cli.clock.now()
        with cli.writing(settings) as session:
            actor: Actor = cli.person_if_any(session) or cli.actor
            account = allowed(people.account_named(session, cli.actor, name))
            zone = zone_of_district(session)
            ends_at = last_day(until, zone)
            if ends_at is None:
                raise InvalidInput("A delegation needs a last day.")
            branches = frozenset(branch_named(session, cli.actor, text).id for text in branch or ())
            areas = frozenset(area_of(session, cli, text) for text in area or ())
            new = NewDelegation(account.id, ends_at, first_day(since, zone), branches if branches or areas else None, areas, reason)
            answer = propose_delegation(session, actor, new, at=at)
        delegation = allowed(answer)
    own = isinstance(actor, Person) and actor.may(Permission.PEOPLE_CONFIRM)
    out.print(f"{account.name}, {_days(delegation)}; {WAITS_FOR_ANOTHER if own else WAITS}")


@app.command("confirm")
def confirm(context: typer.Context, name: AccountNamed) -> None:
    """Lend the role as it was proposed; needs vms login as a Director who did not propose it."""
    cli: Cli = context.obj
    with sentences():
        cli.proved_person(cli.settings())
        delegation = act_on(cli, name, confirm_delegation)
    out.print(f"{name} holds the Delegate's role, {_days(delegation)}.")


@app.command("end")
def end(context: typer.Context, name: AccountNamed) -> None:
    """End a delegation before its day, or stop one that waits; open sessions lose what it gave within seconds."""
    cli: Cli = context.obj
    with sentences():
        account = act_on(cli, name, revoke_delegation)
    out.print(f"The delegation of {account.name} is ended.")


@app.command("list")
def list_(context: typer.Context, as_json: AsJson = False) -> None:
    """List what is lent now and to come."""
    cli: Cli = context.obj
    with sentences():
        settings, at = cli.settings(), cli.clock.now()
        with cli.reading(settings) as session:
            accounts = people.list_people(session, cli.actor)
        known = [] if isinstance(accounts, Refused) else accounts
    lent = [(one.name, one.delegation) for one in known if one.delegation is not None and at < one.delegation.ends_at]
    if as_json:
        print_json({"delegations": [{"name": name} | delegation_document(one, at) for name, one in lent]})
        return
    rows = [(name, _days(one), "lasts" if one.lasts(at) else "to come") for name, one in lent]
    print_table(("Name", "Days", "State"), rows, empty="Nothing is lent. Propose it: vms delegation propose NAME --until DAY")


def _days(delegation: Delegation) -> str:
    return f"from {delegation.starts_at:%Y-%m-%d %H:%M} to {delegation.ends_at:%Y-%m-%d %H:%M} UTC"
