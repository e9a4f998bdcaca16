"""Accounts as the rows of the people page: in words, with what the reader may do to each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypedDict

from sqlalchemy.orm import Session

from vms.domain.camera import Area, Branch
from vms.domain.delegation import Delegation
from vms.domain.ids import BranchId, PersonId
from vms.domain.people import Account, AccountState, Permission, Person, Role, covers, reach
from vms.domain.reach import Reach
from vms.domain.second_person import Act, Proposal
from vms.services.areas import list_areas
from vms.services.branches import list_branches, list_whole_branches
from vms.services.delegations import may_receive
from vms.services.identities import OIDC
from web.words import ROLE_LABELS

ELSEWHERE = "elsewhere"


class DelegationRow(TypedDict):
    """The Delegate's role, as it stands beside the account's own."""

    starts_at: datetime
    ends_at: datetime
    where: str
    waits: bool
    """Proposed, and gives nothing yet."""
    alone_at: datetime | None
    lasts: bool


class _Standing(TypedDict):
    id: int
    name: str
    role: str
    where: str
    state: AccountState
    alone_at: datetime | None
    """When a waiting account works although nobody could confirm it."""
    reset_from: datetime | None
    """From when on a reset that began may be finished."""
    ends_at: datetime | None
    firm: str
    from_provider: bool
    """Proposed by the district's sign-in: the name is the provider's word."""
    may_confirm: bool
    may_end: bool
    may_reset: bool
    may_finish_reset: bool
    may_invite: bool
    """Nobody has used the account: a new invitation takes the place of one that ran out."""
    own: bool


class _Lent(TypedDict):
    delegations: list[DelegationRow]
    """What counts or is to count, and what waits."""
    may_lend: bool
    may_confirm_delegation: bool
    may_end_delegation: bool


class PersonRow(_Standing, _Lent):
    may_half: bool
    """The invitation lacks the half that the Director hands out."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits for somebody, as far as the reader is to know."""

    proposals: Sequence[Proposal] = ()
    delegations: Mapping[PersonId, Delegation] = field(default_factory=dict)
    lacking_half: frozenset[PersonId] = frozenset()


def person_rows(
    accounts: Sequence[Account],
    branches: Mapping[BranchId, str],
    waiting: Waiting,
    reader: Person,
    at: datetime,
) -> list[PersonRow]:
    """Return accounts, those that wait first, those that ended last."""
    order = list(AccountState)
    by_act = {(one.act, one.subject): one for one in waiting.proposals}
    rows = [
        PersonRow(
            **_row(one, branches, by_act.get((Act.PERSON_CONFIRM, one.id)), by_act.get((Act.PERSON_RESET, one.id)), reader, at),
            **_lent(one, branches, by_act.get((Act.PERSON_DELEGATE, one.id)), waiting.delegations.get(one.id), reader, at),
            may_half=_may_half(one, waiting, reader, at),
        )
        for one in accounts
    ]
    return sorted(rows, key=lambda row: (order.index(row["state"]), row["name"].casefold()))


def places(session: Session, person: Person, permission: Permission) -> list[tuple[Branch, bool, list[Area]]]:
    """Return the branches of which a part may be given by who has `permission`, whether as a whole, and their areas."""
    whole, areas = list_whole_branches(session, person, permission), list_areas(session, person, permission)
    return [
        (branch, branch in whole, [area for area in areas if area.branch_id == branch.id])
        for branch in list_branches(session, person, permission)
    ]


def _row(
    account: Account, branches: Mapping[BranchId, str], confirm: Proposal | None, reset: Proposal | None, reader: Person, at: datetime
) -> _Standing:
    state = account.state(at)
    within = covers(reader, account, Permission.PEOPLE_READ)
    may_propose = within and reader.may(Permission.PEOPLE_PROPOSE)
    directors = account.role is Role.DIRECTOR and state is AccountState.WORKS
    may_end = within and reader.may(Permission.PEOPLE_CONFIRM if directors else Permission.PEOPLE_END)
    return _Standing(
        id=account.id,
        name=account.name,
        role=ROLE_LABELS[account.role],
        where=_where(account.reach, branches, reader),
        state=state,
        alone_at=confirm.alone_at if confirm else None,
        reset_from=reset.earliest_at if reset else None,
        ends_at=account.ends_at,
        firm=account.firm,
        from_provider=confirm is not None and confirm.by == OIDC.label,
        may_confirm=within and confirm is not None and confirm.may_approve(reader),
        may_end=may_end and state is not AccountState.ENDED,
        may_reset=may_propose and state is AccountState.WORKS and reset is None,
        may_finish_reset=within and reset is not None and reset.earliest_at <= at and reset.may_approve(reader),
        may_invite=may_propose and state is not AccountState.ENDED and account.first_signed_in_at is None,
        own=account.id == reader.id,
    )


def _may_half(account: Account, waiting: Waiting, reader: Person, at: datetime) -> bool:
    unused = account.first_signed_in_at is None and account.id in waiting.lacking_half
    may = reader.may(Permission.PEOPLE_CONFIRM) and covers(reader, account, Permission.PEOPLE_READ)
    return may and unused and account.state(at) is AccountState.WORKS


def _lent(
    account: Account,
    branches: Mapping[BranchId, str],
    proposal: Proposal | None,
    proposed: Delegation | None,
    reader: Person,
    at: datetime,
) -> _Lent:
    """Return what is lent to an account, and what `reader` may do about it."""
    works = account.state(at) is AccountState.WORKS
    granted = account.delegation if account.delegation is not None and at < account.delegation.ends_at else None
    within = covers(reader, account, Permission.PEOPLE_READ)
    rows = [_delegation(granted, None, branches, reader, at)] if granted else []
    rows += [_delegation(proposed, proposal, branches, reader, at)] if proposed and proposal else []
    may_propose = within and works and reader.may(Permission.DELEGATION_PROPOSE)
    return _Lent(
        delegations=rows,
        may_lend=may_propose and not rows and may_receive(account, reader),
        may_confirm_delegation=within and works and granted is None and proposal is not None and proposal.may_approve(reader),
        may_end_delegation=within and bool(rows) and reader.may(Permission.PEOPLE_END),
    )


def _delegation(
    delegation: Delegation, proposal: Proposal | None, branches: Mapping[BranchId, str], reader: Person, at: datetime
) -> DelegationRow:
    return DelegationRow(
        starts_at=delegation.starts_at,
        ends_at=delegation.ends_at,
        where=_where(delegation.reach, branches, reader),
        waits=proposal is not None,
        alone_at=proposal.alone_at if proposal else None,
        lasts=proposal is None and delegation.lasts(at),
    )


def _where(reach_: Reach | None, branches: Mapping[BranchId, str], reader: Person) -> str:
    if reach_ is None:
        return "Whole district"
    whole = {branches.get(branch, ELSEWHERE) for branch in reach_.branches}
    seen = reach(reader, Permission.PEOPLE_READ)
    parts = {
        f"{branches.get(area.branch_id, ELSEWHERE)}, {area.name}" if seen is None or seen.has(area.branch_id, area.id) else ELSEWHERE
        for area in reach_.areas
    }
    return "; ".join(sorted(whole | parts)) or "No branch"
