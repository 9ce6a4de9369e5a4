"""What one limit has counted for one key: pure values.

A rate is a sliding window: never more than `rate` in any stretch of `per_ms`, wherever it begins. What was taken is
kept in spells of a sixtieth of the period, each with its first and last moment and its count; a spell counts until its
last moment is a whole period ago. So the bound is exact, the state is 61 spells at most, and who is refused waits at
most a sixtieth longer than a list of every moment would say. A token bucket keeps less, but lets twice the rate through
in a period.

The law: time never goes back in a unit, whatever clock its owner has: then it counts for longer, never for shorter.
"""

from collections.abc import Iterable
from typing import Final

import msgspec
from msgspec import Struct

SPELLS_A_PERIOD: Final = 60
IDENTS_KEPT: Final = 32  # of the last that were let in by a rate: a call made again comes within seconds
PLACE_WAIT_MS: Final = 1_000  # after which to try again for a place: nobody knows when one is given back


class Spell(Struct, frozen=True, array_like=True):
    """So many, from one moment to another."""

    first_ms: int
    last_ms: int
    count: int


class Place(Struct, frozen=True, array_like=True):
    """One of those at once."""

    ident: bytes
    until_ms: int


class Counted(Struct, frozen=True, array_like=True):
    """A unit. `per_ms`: the last period that it was counted by; `seen_ms`: the latest moment; `idents`: with the moment
    at which each was counted."""

    seen_ms: int
    wake_ms: int = 0
    per_ms: int = 0
    spells: tuple[Spell, ...] = ()
    places: tuple[Place, ...] = ()
    idents: tuple[tuple[bytes, int], ...] = ()


def as_of(unit: Counted | None, now_ms: int, per_ms: int) -> Counted:
    """The unit at this moment, without what is over by the period given (0: by its own)."""
    if unit is None:
        return Counted(now_ms, per_ms=per_ms)
    now_ms = max(now_ms, unit.seen_ms)
    per_ms = per_ms or unit.per_ms
    begin_ms = now_ms - per_ms
    return Counted(
        now_ms,
        unit.wake_ms,
        per_ms,
        tuple(spell for spell in unit.spells if spell.last_ms > begin_ms),
        tuple(place for place in unit.places if place.until_ms > now_ms),
        tuple(ident for ident in unit.idents if ident[1] > begin_ms),
    )


def wait_for_rate(unit: Counted, ident: bytes, rate: int) -> int:
    """Milliseconds until one more may be counted; 0: now. `unit` is as of now."""
    if any(known == ident for known, _at in unit.idents):
        return 0  # this is that call made again
    over = sum(spell.count for spell in unit.spells) + 1 - rate
    for spell in unit.spells:
        if over <= 0:
            break
        over -= spell.count
        if over <= 0:
            return spell.last_ms + unit.per_ms - unit.seen_ms
    return 0 if over <= 0 else unit.per_ms


def wait_for_place(unit: Counted, ident: bytes, concurrency: int) -> int:
    """Milliseconds after which to try for a place; 0: there is one."""
    if len(unit.places) < concurrency or any(place.ident == ident for place in unit.places):
        return 0
    return max(1, min(PLACE_WAIT_MS, *(place.until_ms - unit.seen_ms for place in unit.places)))


def counted(unit: Counted, ident: bytes) -> Counted:
    """With one more of the rate, unless it was counted already."""
    if any(known == ident for known, _at in unit.idents):
        return unit
    now_ms, spells = unit.seen_ms, unit.spells
    if spells and now_ms - spells[-1].first_ms < unit.per_ms // SPELLS_A_PERIOD:
        last = spells[-1]
        spells = (*spells[:-1], Spell(last.first_ms, now_ms, last.count + 1))
    else:
        spells = (*spells, Spell(now_ms, now_ms, 1))
    idents = (*unit.idents, (ident, now_ms))[-IDENTS_KEPT:]
    return msgspec.structs.replace(unit, spells=spells, idents=idents)


def uncounted(unit: Counted, ident: bytes) -> Counted:
    """Without what was counted for who did not go in after all. Whoever is remembered no more stays counted."""
    at_ms = next((at for known, at in unit.idents if known == ident), None)
    if at_ms is None:
        return unit
    spells = []
    for spell in unit.spells:
        if at_ms is not None and spell.first_ms <= at_ms <= spell.last_ms:
            spell, at_ms = Spell(spell.first_ms, spell.last_ms, spell.count - 1), None
        if spell.count:
            spells.append(spell)
    idents = tuple(kept for kept in unit.idents if kept[0] != ident)
    return msgspec.structs.replace(unit, spells=tuple(spells), idents=idents)


def placed(unit: Counted, ident: bytes, until_ms: int) -> Counted:
    """With a place that lasts until then at least."""
    until_ms = max((until_ms, *(place.until_ms for place in unit.places if place.ident == ident)))
    return msgspec.structs.replace(unit, places=(*_without(unit.places, ident), Place(ident, until_ms)))


def unplaced(unit: Counted, ident: bytes) -> Counted:
    """Without its place."""
    return msgspec.structs.replace(unit, places=tuple(_without(unit.places, ident)))


def over_ms(unit: Counted) -> int:
    """When nothing of it counts any more."""
    ends = [place.until_ms for place in unit.places]
    if unit.spells:
        ends.append(unit.spells[-1].last_ms + unit.per_ms)
    return max(ends, default=unit.seen_ms)


def _without(places: Iterable[Place], ident: bytes) -> list[Place]:
    return [place for place in places if place.ident != ident]
