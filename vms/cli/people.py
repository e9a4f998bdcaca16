"""Commands about people: user add, list, confirm, invite, end; and login, which lets the command line act as a person."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Protocol, TypeVar

import typer
from sqlalchemy.orm import Session

from vms.cli.context import Cli, allowed, line_from_stdin, password_from_stdin
from vms.cli.options import AccountNamed, AsJson, PasswordStdin
from vms.cli.output import err, out, print_json, print_table, sentences
from vms.domain.delegation import Delegation
from vms.domain.ids import AreaId, PersonId
from vms.domain.outcome import Refused
from vms.domain.people import Account, AccountState, Actor, Role
from vms.domain.reach import Reach
from vms.errors import InvalidInput
from vms.services import people, sign_in
from vms.services.areas import area_named
from vms.services.branches import branch_named
from vms.services.district import zone_of_district
from vms.services.passwords import NO_PASSWORD, hash_password
from vms.services.people import INVITATION_LASTS, Invitation, NewAccount, last_day
from vms.services.second_factor import read_factor_key
from vms.services.sessions import sign_out

WAITS = "it waits for the Director's confirmation"
WAITS_ALONE = "it works in three days, unless somebody with an account stops it"

STATES = {AccountState.WAITS: "waits for the Director", AccountState.WORKS: "works", AccountState.ENDED: "ended"}
Done_co = TypeVar("Done_co", covariant=True)

user_app = typer.Typer(help="People with an account.", no_args_is_help=True)


@user_app.command("add")
def user_add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Sign-in name, such as d.nakamura.")],
    role: Annotated[Role, typer.Option(help="What the account may do; the table is in web/README.md.")],
    branch: Annotated[list[str] | None, typer.Option(help="A branch the account is limited to; repeat for several.")] = None,
    area: Annotated[list[str] | None, typer.Option(help="BRANCH/AREA: that part of another branch alone; repeat for several.")] = None,
    until: Annotated[str, typer.Option(help="Last day, 2026-12-31; a delegate and a contractor need one.")] = "",
    firm: Annotated[str, typer.Option(help="The firm of a contractor.")] = "",
    board_paper: Annotated[
        str,
        typer.Option(help="For a new Director whom no Director confirms: the Board's decision, such as 'minutes of 2026-11-24, item 7'."),
    ] = "",
    password_stdin: PasswordStdin = False,
) -> None:
    """Add an account and print the invitation with which its owner chooses a password.

    After the Director has signed in once it waits for the Director's confirmation. A new Director with --board-paper waits three days,
    is announced to everybody with an account, and anybody may stop it.
    """
    cli: Cli = context.obj
    with sentences():
        settings = cli.settings()
        hashed = hash_password(password_from_stdin()) if password_stdin else NO_PASSWORD
        with cli.writing(settings) as session:
            actor: Actor = cli.person_if_any(session) or cli.actor
            branches = frozenset(branch_named(session, cli.actor, text).id for text in branch or ())
            areas = frozenset(area_of(session, cli, text) for text in area or ())
            ends_at = last_day(until, zone_of_district(session))
            new = NewAccount(name, role, branches if branches or areas else None, ends_at, firm, areas)
            answer = people.add_person(session, actor, new, at=cli.clock.now(), password_hash=hashed, board_paper=board_paper)
            code = None
            if isinstance(answer, Account) and not password_stdin:
                code = people.invite_person(session, actor, answer.id, at=cli.clock.now())
        account = allowed(answer)
    waiting = "" if account.confirmed_at else f"; {WAITS_ALONE if board_paper else WAITS}"
    out.print(f"{account.name}, {account.role}{waiting}")
    if code is not None:
        _print_invitation(account.name, allowed(code))


@user_app.command("list")
def user_list(context: typer.Context, as_json: AsJson = False) -> None:
    """List who has an account."""
    cli: Cli = context.obj
    with sentences():
        settings = cli.settings()
        with cli.reading(settings) as session:
            accounts = allowed(people.list_people(session, cli.actor))
    if as_json:
        print_json({"people": [_document(one, cli.clock.now()) for one in accounts]})
        return
    at = cli.clock.now()
    rows = [(one.name, _roles(one, at), STATES[one.state(at)], one.firm) for one in accounts]
    print_table(("Name", "Role", "State", "Firm"), rows, empty="Nobody has an account. Add one: vms user add NAME --role it")


@user_app.command("confirm")
def user_confirm(context: typer.Context, name: AccountNamed) -> None:
    """Let a proposed account sign in, and print the second half of its invitation; needs vms login as the Director."""
    cli: Cli = context.obj
    with sentences():
        cli.proved_person(cli.settings())
        account = act_on(cli, name, people.confirm_person)
        half = act_on(cli, name, people.second_half)
    out.print(f"{account.name} is confirmed.")
    if half is not None:
        _print_second_half(account.name, half)


@user_app.command("half")
def user_half(context: typer.Context, name: AccountNamed) -> None:
    """Print the second half of an invitation that was made anew for a confirmed account; needs vms login as the Director."""
    cli: Cli = context.obj
    with sentences():
        cli.proved_person(cli.settings())
        half = act_on(cli, name, people.second_half)
        if half is None:
            raise InvalidInput(f"Nobody is invited to the account {name}, or somebody uses it already.")
    _print_second_half(name, half)


@user_app.command("invite")
def user_invite(context: typer.Context, name: AccountNamed) -> None:
    """Print a new invitation for an account that nobody has used yet."""
    cli: Cli = context.obj
    with sentences():
        code = act_on(cli, name, people.invite_person)
    _print_invitation(name, code)


@user_app.command("reset")
def user_reset(context: typer.Context, name: AccountNamed) -> None:
    """Begin to take password and second factor off an account whose owner lost them; the Director finishes it a day later."""
    cli: Cli = context.obj
    with sentences():
        begun = act_on(cli, name, people.propose_reset)
    out.print(
        f"The owner is told and can stop it. From {begun.earliest_at:%Y-%m-%d %H:%M} UTC on the Director finishes it on the page People."
    )
    _print_invitation(name, begun.invitation)


@user_app.command("end")
def user_end(context: typer.Context, name: AccountNamed) -> None:
    """End an account; whoever is signed in with it is out within seconds. The Director's own needs vms login as the Director."""
    cli: Cli = context.obj
    with sentences():
        account = act_on(cli, name, people.disable_person)
    out.print(f"{account.name} is ended.")


def login(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Sign-in name.")],
    password_stdin: PasswordStdin = False,
) -> None:
    """Act as a person in the commands that only people may give, until vms logout or the session's end.

    Asks for the password and for a code of the authenticator, or one on paper; from standard input both are lines of it.
    """
    cli: Cli = context.obj
    with sentences():
        settings = cli.settings()
        password, code = _proof_from_stdin() if password_stdin else _asked_for_proof()
        with cli.central(settings) as central:
            answer = sign_in.sign_in(
                central, name=name, password=password, code=code, key=read_factor_key(settings), at=cli.clock.now(), address="console"
            )
        opened = allowed(answer)
        cli.keep_token(opened.token)
    out.print(f"Signed in as {opened.person.name}, {opened.person.role}.")
    if opened.person.must_enrol:
        err.print(
            "This role needs a second factor. Set up an authenticator on the account's page first; until then nothing more is allowed."
        )


def _proof_from_stdin() -> tuple[str, str]:
    return password_from_stdin(), line_from_stdin()


def _asked_for_proof() -> tuple[str, str]:
    """Ask for what no command line holds, where every process of the machine would see it."""
    password = typer.prompt("Password", hide_input=True, err=True)
    return password, typer.prompt("Code (empty for none)", default="", show_default=False, hide_input=True, err=True)


def logout(context: typer.Context) -> None:
    """End the session that vms login opened."""
    cli: Cli = context.obj
    with sentences():
        settings = cli.settings()
        with cli.writing(settings) as session:
            person = cli.person_if_any(session)
            if person is not None:
                sign_out(session, person, at=cli.clock.now())
        cli.forget_token()
    out.print("Signed out." if person else "Nobody was signed in.")


def area_of(session: Session, cli: Cli, text: str) -> AreaId:
    branch, slash, area = text.partition("/")
    if not slash:
        raise InvalidInput(f"‘{text}’ names no area. Give branch and area, such as 'Harbor/Entrance'.")
    return area_named(session, cli.actor, branch_named(session, cli.actor, branch), area).id


class Act(Protocol[Done_co]):
    def __call__(self, session: Session, actor: Actor, person_id: PersonId, /, *, at: datetime) -> Done_co | Refused: ...


def act_on(cli: Cli, name: str, act: Act[Done_co]) -> Done_co:
    """Do `act` to the account of that name, as whoever signed in by `vms login`, else as the user of the system."""
    settings, at = cli.settings(), cli.clock.now()
    with cli.writing(settings) as session:
        actor: Actor = cli.person_if_any(session) or cli.actor
        found = people.account_named(session, cli.actor, name)
        answer = found if isinstance(found, Refused) else act(session, actor, found.id, at=at)
    return allowed(answer)


def reach_document(reach: Reach | None) -> dict[str, object]:
    """Return where rights count; `branches` is null for the whole district."""
    areas = [] if reach is None else sorted(reach.areas, key=lambda one: one.id)
    return {
        "branches": None if reach is None else sorted(reach.branches),
        "areas": [{"id": area.id, "branch": area.branch_id, "name": area.name} for area in areas],
    }


def delegation_document(delegation: Delegation, at: datetime) -> dict[str, object]:
    span = {"from": delegation.starts_at, "until": delegation.ends_at, "lasts": delegation.lasts(at)}
    return {"id": delegation.id, **span, **reach_document(delegation.reach)}


def _print_second_half(name: str, half: str) -> None:
    out.print(f"Second half: {half}")
    err.print(f"Give it to {name}, and not to IT, who gave them the first: both together open the page /join.", markup=False)


def _print_invitation(name: str, invitation: Invitation) -> None:
    hours = INVITATION_LASTS // timedelta(hours=1)
    if invitation.is_half:
        out.print(f"First half: {invitation.code}")
        err.print(f"Give it to {name}. The Director gives them the second half: both together open the page /join, once.", markup=False)
        return
    out.print(f"Invitation: {invitation.code}")
    err.print(f"Give it to {name}: it lets them choose a password on the page /join, once, within {hours} hours.", markup=False)


def _roles(account: Account, at: datetime) -> str:
    """Return the role of an account, and until when the Delegate's is lent to it."""
    lent = account.rights(at).lent
    return account.role.value if lent is None else f"{account.role}, delegate until {lent.ends_at:%Y-%m-%d %H:%M} UTC"


def _document(account: Account, at: datetime) -> dict[str, object]:
    return {
        "id": account.id,
        "name": account.name,
        "role": account.role.value,
        **reach_document(account.reach),
        "state": account.state(at).value,
        "until": account.ends_at,
        "delegation": None if account.delegation is None else delegation_document(account.delegation, at),
        "firm": account.firm,
    }
