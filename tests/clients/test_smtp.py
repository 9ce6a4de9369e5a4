"""SMTP, submission and LMTP through smtplib and aiosmtplib, with every extension these can use."""

import asyncio
import imaplib
import smtplib
from email.message import EmailMessage

import aiosmtplib
import pytest

from tests.peopled import CLIENT, HOST, Peopled, message
from tests.running import DOMAIN, PASSWORD


def _inbox(server: Peopled, login: str) -> list[bytes]:
    """Every message there, as it was stored."""
    with server.imap(login) as imap:
        imap.select(readonly=True)
        fetched = imap.fetch("1:*", "(RFC822)")[1]
        return [part[1] for part in fetched if isinstance(part, tuple)]


def test_what_smtplib_sends_is_stored_as_sent(server: Peopled, login: str) -> None:
    body = "A line.\r\n.\r\n..\r\n" + "x" * 900 + "\r\n\r\n"
    with smtplib.SMTP(HOST, server.ports["smtp"], CLIENT) as smtp:
        smtp.ehlo()
        assert {"pipelining", "8bitmime", "size", "enhancedstatuscodes", "starttls"} <= smtp.esmtp_features.keys()
        assert "auth" not in smtp.esmtp_features
        smtp.starttls(context=server.trust)
        assert smtp.sendmail(f"a@{DOMAIN}", [login], message("dots", body)) == {}
        assert smtp.noop()[0] == 250
        assert smtp.verify(login)[0] == 252
        assert smtp.rset()[0] == 250
    (stored,) = _inbox(server, login)
    assert stored.endswith(message("dots", body))
    assert stored.startswith(b"Return-Path: <a@example.test>\r\nReceived: from client.example.test")
    assert b"with ESMTPS" in stored


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_submission_asks_for_a_password(server: Peopled, login: str, tls: str, mechanism: str) -> None:
    if tls == "implicit":
        smtp: smtplib.SMTP = smtplib.SMTP_SSL(HOST, server.ports["submissions"], CLIENT, context=server.trust)
        smtp.ehlo()
    else:
        smtp = smtplib.SMTP(HOST, server.ports["submission"], CLIENT)
        smtp.ehlo()
        assert not {"PLAIN", "LOGIN"} & set(smtp.esmtp_features["auth"].split())
        smtp.starttls(context=server.trust)
        smtp.ehlo()
    with smtp:
        assert mechanism in smtp.esmtp_features["auth"].split()
        assert smtp.mail(login)[0] == 530
        smtp.user, smtp.password = login, "wrong"
        with pytest.raises(smtplib.SMTPAuthenticationError, match="535"):
            smtp.auth(mechanism, getattr(smtp, f"auth_{mechanism.lower()}"))
        smtp.password = PASSWORD
        assert smtp.auth(mechanism, getattr(smtp, f"auth_{mechanism.lower()}"))[0] == 235
        smtp.sendmail(login, [login], f"From: {login}\r\nSubject: mine\r\n\r\nText\r\n")
        with pytest.raises(smtplib.SMTPSenderRefused):
            smtp.sendmail(f"anna@{DOMAIN}", [login], message())
        with pytest.raises(smtplib.SMTPDataError, match=r"5\.7\.1"):
            smtp.sendmail(login, [login], message(sender=f"anna@{DOMAIN}"))
    (stored,) = _inbox(server, login)
    assert b"with ESMTPSA" in stored
    assert b"\r\nMessage-ID: <" in stored
    assert b"\r\nDate: " in stored


async def test_aiosmtplib_with_every_extension(server: Peopled, login: str) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = f"jürgen@{DOMAIN}", login, "Größe"
    mail.set_content("Straße\n" * 3, cte="8bit")
    async with aiosmtplib.SMTP(
        hostname=HOST, port=server.ports["smtp"], local_hostname=CLIENT, start_tls=True, tls_context=server.trust
    ) as smtp:
        await smtp.ehlo()
        assert smtp.supports_extension("smtputf8")
        refused, text = await smtp.send_message(
            mail, sender=f"jürgen@{DOMAIN}", mail_options=["SMTPUTF8", "BODY=8BITMIME"]
        )
        assert not refused
        assert "stored" in text
    (stored,) = await asyncio.to_thread(_inbox, server, login)
    assert "Straße".encode() in stored
    assert b"with UTF8SMTPS" in stored


async def test_many_connections_at_once(server: Peopled, login: str) -> None:
    async def one(number: int) -> None:
        await aiosmtplib.send(
            message(f"m{number}"),
            sender=f"a@{DOMAIN}",
            recipients=[login],
            hostname=HOST,
            port=server.ports["smtp"],
            local_hostname=CLIENT,
            start_tls=False,
        )

    await asyncio.gather(*(one(number) for number in range(50)))
    assert len(await asyncio.to_thread(_inbox, server, login)) == 50


def test_large_messages_and_ones_too_large(server: Peopled, login: str) -> None:
    large = message("large", ("z" * 998 + "\r\n") * 12_000)
    server.deliver(large, login)
    (stored,) = _inbox(server, login)
    assert stored.endswith(large)
    with smtplib.SMTP(HOST, server.ports["smtp"], CLIENT) as smtp:
        smtp.ehlo()
        limit = int(smtp.esmtp_features["size"])
        assert smtp.mail(f"a@{DOMAIN}", [f"SIZE={limit + 1}"])[0] == 552
        assert smtp.mail(f"a@{DOMAIN}", [f"SIZE={limit}"])[0] == 250


def test_lmtp_answers_for_each_recipient(server: Peopled) -> None:
    first, second = server.account(), server.account()
    with smtplib.LMTP(HOST, server.ports["lmtp"], CLIENT) as lmtp:
        lmtp.ehlo()
        lmtp.mail(f"a@{DOMAIN}")
        assert [lmtp.rcpt(to)[0] for to in (first, f"nobody@{DOMAIN}", second)] == [250, 550, 250]
        # smtplib reads one answer after DATA; there is one for each recipient taken (RFC 2033 4.2).
        assert [lmtp.data(message("for two"))[0], lmtp.getreply()[0]] == [250, 250]
        assert lmtp.sendmail(f"a@{DOMAIN}", [first], message("for one")) == {}
    for login in (first, second):
        assert b"with LMTP" in _inbox(server, login)[0]


def test_who_is_not_here_is_refused(server: Peopled, login: str) -> None:
    with smtplib.SMTP(HOST, server.ports["smtp"], CLIENT) as smtp:
        with pytest.raises(smtplib.SMTPRecipientsRefused) as unknown:
            smtp.sendmail(f"a@{DOMAIN}", [f"nobody@{DOMAIN}"], message())
        assert unknown.value.recipients[f"nobody@{DOMAIN}"][1].startswith(b"5.1.1")
        with pytest.raises(smtplib.SMTPRecipientsRefused) as relay:
            smtp.sendmail(f"a@{DOMAIN}", ["somebody@elsewhere.test"], message())
        assert relay.value.recipients["somebody@elsewhere.test"][1].startswith(b"5.7.1")


@pytest.mark.parametrize(
    ("address", "logins"),
    [
        ("anna+shopping@example.test", ["anna"]),
        ("INFO@Example.Test", ["anna"]),
        ("news@example.test", ["anna", "ben"]),
        ("sales@example.test", ["ben", "carla"]),
        ("whoever@other.test", ["carla"]),
        ("postmaster", ["user0"]),
    ],
)
def test_addresses_lead_where_they_should(server: Peopled, address: str, logins: list[str]) -> None:
    subject = f"for {address}"
    server.deliver(message(subject), address)
    for login in ("anna", "ben", "carla"):
        with server.imap(f"{login}@{DOMAIN}") as imap:
            imap.select()
            found = imap.search(None, "SUBJECT", f'"{subject}"')[1][0].split()
            assert len(found) == (login in logins), login


def test_imaplib_is_told_of_a_wrong_password(server: Peopled, login: str) -> None:
    imap = imaplib.IMAP4_SSL(HOST, server.ports["imaps"], ssl_context=server.trust)
    with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
        imap.login(login, "wrong")
    imap.login(login, PASSWORD)
    imap.logout()
