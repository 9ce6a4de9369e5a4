"""A directory from a table, which answers the questions of `state.py` from dictionaries."""

from typing import Any, TypeVar

import msgspec

from actors.directory.addresses import parse
from actors.directory.state import AccountsWith, Defaults, DomainsNamed, EntriesAt, Question, Steps, compared
from actors.directory.types import Account, Alias, Domain, Entry, Group, MailingList, OwnAddress

R = TypeVar("R")


class TableDirectory:
    """`numbers`: the account numbers by name; `asked`: how many questions were answered."""

    def __init__(self, table: dict[str, Any]) -> None:
        self.defaults = Defaults(postmaster=table.get("postmaster", ""))
        self.domains = {row["name"]: msgspec.convert(row, Domain) for row in table["domains"]}
        self.numbers = {name: number for number, name in enumerate(table.get("accounts", {}), 1)}
        self.entries: dict[Any, Entry] = {}
        self.accounts: dict[int, Account] = {}
        self.asked = 0
        for name, addresses in table.get("accounts", {}).items():
            self._add_account(self.numbers[name], addresses, disabled=name in table.get("disabled", {}))
        for kind, rows in ((Alias, "aliases"), (MailingList, "lists"), (Group, "groups")):
            for address, led_to in table.get(rows, {}).items():
                self._add(kind(address, tuple(led_to)))

    def _add_account(self, number: int, addresses: list[str], *, disabled: bool) -> None:
        self.accounts[number] = Account(number, addresses[0], tuple(addresses), disabled=disabled)
        for address in addresses:
            self._add(OwnAddress(address, number))

    def _add(self, entry: Entry) -> None:
        address = parse(entry.address)
        self.entries[compared(address, self.domains[address.domain])] = entry

    def run(self, steps: Steps[R]) -> R:
        """The generator's result."""
        answer: Any = None
        while True:
            try:
                question = steps.send(answer)
            except StopIteration as stop:
                result: R = stop.value
                return result
            self.asked += 1
            answer = self._answer(question)

    def _answer(self, question: Question) -> list[Any]:
        match question:
            case DomainsNamed(names):
                return [self.domains.get(name) for name in names]
            case EntriesAt(addresses):
                return [self.entries.get(address) for address in addresses]
            case AccountsWith(ids):
                return [self.accounts.get(number) for number in ids]
