"""Accounts as the rows of the people page: in words, with what the reader may do to each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypedDict

from vms.domain.ids import BranchId
from vms.domain.people import Account, AccountState, Permission, Person, Role, covers, reach
from vms.domain.second_person import Act, Proposal
from vms.services.identities import OIDC
from web.words import ROLE_LABELS

ELSEWHERE = "elsewhere"


class PersonRow(TypedDict):
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


def person_rows(
    accounts: Sequence[Account], branches: Mapping[BranchId, str], waiting: Sequence[Proposal], reader: Person, at: datetime
) -> list[PersonRow]:
    """Return accounts, those that wait first, those that ended last."""
    order = list(AccountState)
    by_act = {(one.act, one.subject): one for one in waiting}
    rows = [
        _row(one, branches, by_act.get((Act.PERSON_CONFIRM, one.id)), by_act.get((Act.PERSON_RESET, one.id)), reader, at)
        for one in accounts
    ]
    return sorted(rows, key=lambda row: (order.index(row["state"]), row["name"].casefold()))


def _row(
    account: Account, branches: Mapping[BranchId, str], confirm: Proposal | None, reset: Proposal | None, reader: Person, at: datetime
) -> PersonRow:
    state = account.state(at)
    within = covers(reader, account, Permission.PEOPLE_READ)
    may_propose = within and reader.may(Permission.PEOPLE_PROPOSE)
    directors = account.role is Role.DIRECTOR and state is AccountState.WORKS
    may_end = within and reader.may(Permission.PEOPLE_CONFIRM if directors else Permission.PEOPLE_END)
    return PersonRow(
        id=account.id,
        name=account.name,
        role=ROLE_LABELS[account.role],
        where=_where(account, branches, reader),
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


def _where(account: Account, branches: Mapping[BranchId, str], reader: Person) -> str:
    if account.branches is None:
        return "Whole district"
    whole = {branches.get(branch, ELSEWHERE) for branch in account.branches}
    seen = reach(reader, Permission.PEOPLE_READ)
    parts = {
        f"{branches.get(area.branch_id, ELSEWHERE)}, {area.name}" if seen is None or seen.has(area.branch_id, area.id) else ELSEWHERE
        for area in account.areas
    }
    return "; ".join(sorted(whole | parts)) or "No branch"
