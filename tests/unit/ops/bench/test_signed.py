"""The letters and zones of the inbound bench."""

import dns.zone

from ops.bench.signed import REVERSE_ZONE, ZONE, correspondents, letters, rsa_key, unsigned_letters, zones


def test_each_domains_first_letter_comes_before_any_second() -> None:
    senders = correspondents(2)
    sent = letters(4, 3, senders, rsa_key("lists.test"))
    assert [one.sender for one in sent] == [f"somebody@sender{number}.test" for number in (0, 1, 0, 1)]
    assert [one.recipient for one in sent] == [f"user{number}@peer.test" for number in (0, 1, 2, 0)]
    assert all(one.message.count(b"DKIM-Signature: v=1") == 2 for one in sent)
    assert all(one.message.startswith(b"ARC-Seal: i=1") for one in sent)


def test_letters_that_leave_are_not_signed_yet() -> None:
    (one,) = unsigned_letters(1, 1, "user0@peer.test")
    assert b"DKIM" not in one.message
    assert 3900 < len(one.message) <= 4096


def test_the_zones_can_be_read() -> None:
    senders = correspondents(1)
    files = zones(senders, rsa_key("lists.test"))
    names = {
        str(name)
        for zone, text in files.items()
        for name in dns.zone.from_text(text, origin=f"{zone}.", relativize=False)
    }
    assert {
        "sender0.test.",
        "mail.sender0.test.",
        "_dmarc.sender0.test.",
        "rsa._domainkey.sender0.test.",
        "ed._domainkey.sender0.test.",
        "rsa._domainkey.lists.test.",
        f"1.0.0.{REVERSE_ZONE}.",
    } <= names
    assert ZONE in files
