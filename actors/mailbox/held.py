"""Accounts held in memory: bounded, the longest unused put away first. They are whole in the store."""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Final

from actors.mailbox.state import Account

ACCOUNTS_MAX: Final = 10_000  # held in memory: about 10 kB each
ROWS_MAX: Final = 8_000_000  # index rows held in memory: 48 bytes each


class Held:
    """A shard's."""

    def __init__(self) -> None:
        self._accounts: OrderedDict[int, Account] = OrderedDict()
        self._rows: dict[int, int] = {}  # index rows loaded for an account, in the order of loading
        self._slots: dict[int, set[int]] = {}

    def __iter__(self) -> Iterator[Account]:
        return iter(self._accounts.values())

    def get(self, number: int) -> Account | None:
        """The account, if it is here."""
        return self._accounts.get(number)

    def used(self, number: int) -> None:
        """It is to be put away last."""
        self._accounts.move_to_end(number)

    def hold(self, account: Account) -> None:
        """Here it is."""
        self._accounts[account.id] = account
        self._slots.setdefault(account.slot, set()).add(account.id)

    def loaded(self, account: Account, rows: int) -> None:
        """So many index rows more are in memory."""
        self._rows[account.id] = self._rows.get(account.id, 0) + rows

    def of_slot(self, slot: int) -> list[Account]:
        """The slot's accounts that are here."""
        return [self._accounts[number] for number in self._slots.get(slot, ())]

    def put_away(self, number: int) -> None:
        """Forget an account, if it is here."""
        self._rows.pop(number, None)
        account = self._accounts.pop(number, None)
        if account is not None:
            numbers = self._slots[account.slot]
            numbers.discard(number)
            if not numbers:
                del self._slots[account.slot]

    def bound(self) -> None:
        """Put away what is too much."""
        while len(self._accounts) > ACCOUNTS_MAX:
            self.put_away(next(iter(self._accounts)))
        if self._rows:
            while len(self._rows) > 1 and sum(self._rows.values()) > ROWS_MAX:
                self.put_away(next(iter(self._rows)))
