"""Real sockets, real TLS, real clients: what the pure tests cannot see."""

import asyncio
import smtplib
import ssl
from email.message import EmailMessage

import aiosmtplib
import pytest

from cluster.hosting.sockets import listen
from gateway.smtp.server import SmtpServer
from mail.smtp.states import Role
from tests.gateway.smtp.conftest import Start
from tests.unit.gateway.smtp.fakes import Fakes


def mail(text: str = "hello\n.\n..dots\n") -> EmailMessage:
    """A message from alice to bob."""
    message = EmailMessage()
    message["From"] = "alice@example.test"
    message["To"] = "bob@example.test"
    message["Subject"] = "test"
    message.set_content(text)
    return message


async def read_reply(reader: asyncio.StreamReader) -> str:
    """One whole reply."""
    lines = [await reader.readline()]
    while lines[-1][3:4] == b"-":
        lines.append(await reader.readline())
    return b"".join(lines).decode()


async def test_smtplib_over_starttls_with_login(start: Start, client_tls: ssl.SSLContext) -> None:
    running = await start()

    def talk() -> dict[str, tuple[int, bytes]]:
        with smtplib.SMTP("127.0.0.1", running.port["submission"]) as client:
            client.starttls(context=client_tls)
            client.login("alice@example.test", "demo")
            return client.send_message(mail())

    assert await asyncio.to_thread(talk) == {}
    ((account, raw),) = running.fakes.intake.stored
    assert account == 2
    assert b"with ESMTPSA id" in raw
    assert raw.endswith(b"hello\r\n.\r\n..dots\r\n")


async def test_aiosmtplib_over_implicit_tls(start: Start, client_tls: ssl.SSLContext) -> None:
    running = await start()
    port = running.port["submissions"]
    client = aiosmtplib.SMTP(hostname="127.0.0.1", port=port, use_tls=True, tls_context=client_tls)
    async with client:
        await client.login("alice@example.test", "demo")
        await client.send_message(mail("ü" * 500_000))
    assert len(running.fakes.intake.stored) == 1


async def test_lmtp_with_pipelining(start: Start) -> None:
    running = await start()
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port["lmtp"])
    people = b"".join(b"RCPT TO:<%b@example.test>\r\n" % name for name in (b"bob", b"nobody", b"carol"))
    writer.write(b"LHLO a\r\nMAIL FROM:<>\r\n" + people + b"DATA\r\n")
    await reader.readuntil(b"354 End data with <CR><LF>.<CR><LF>\r\n")
    writer.write(b"a: b\r\n.\r\nQUIT\r\n")
    answer = (await reader.read()).decode().splitlines()
    assert [line[:9] for line in answer] == ["250 2.0.0", "250 2.0.0", "221 2.0.0"]
    assert sorted(running.fakes.intake.accounts) == [2, 3]
    writer.close()


async def test_everything_pipelined_in_one_write_and_half_closed(start: Start) -> None:
    running = await start()
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port["mx"])
    one = b"MAIL FROM:<a@b.test>\r\nRCPT TO:<bob@example.test>\r\nBDAT 6 LAST\r\na: b\r\n"
    writer.write(b"EHLO a\r\n" + one * 200 + b"QUIT\r\n")
    writer.write_eof()
    answer = (await reader.read()).decode()
    writer.close()
    assert answer.count("stored as") == 200
    assert answer.endswith("221 2.0.0 Bye\r\n")
    assert len(running.fakes.intake.stored) == 200


async def test_nothing_said_before_starttls_is_run_after_it(start: Start, client_tls: ssl.SSLContext) -> None:
    running = await start()
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port["mx"])
    await read_reply(reader)
    writer.write(b"EHLO a\r\n")
    await read_reply(reader)
    writer.write(b"STARTTLS\r\nMAIL FROM:<injected@b.test>\r\n")
    assert await read_reply(reader) == "220 2.0.0 Ready to start TLS\r\n"
    await writer.start_tls(client_tls, server_hostname="127.0.0.1")
    writer.write(b"RCPT TO:<bob@example.test>\r\n")
    assert (await read_reply(reader)).startswith("503 5.5.1 Say EHLO first")
    writer.write(b"EHLO a\r\n")
    assert "STARTTLS" not in await read_reply(reader)
    writer.close()


async def test_a_client_that_speaks_no_tls_after_starttls_is_dropped(start: Start) -> None:
    running = await start()
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port["mx"])
    writer.write(b"EHLO a\r\nSTARTTLS\r\n")
    await reader.readuntil(b"Ready to start TLS\r\n")
    writer.write(b"NOOP\r\n" * 100)
    await reader.read()
    writer.close()
    assert not any(event == "smtp.defect" for event, _ in running.fakes.log.lines)


async def test_too_many_from_one_address_are_turned_away(start: Start) -> None:
    running = await start(connections_per_ip_max=1)
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port["mx"])
    await read_reply(reader)
    second, other = await asyncio.open_connection("127.0.0.1", running.port["mx"])
    assert (await second.read()).startswith(b"421 4.7.0 Too many connections")
    other.close()
    writer.write(b"QUIT\r\n")
    await reader.read()
    writer.close()
    third, last = await asyncio.open_connection("127.0.0.1", running.port["mx"])
    assert (await read_reply(third)).startswith("220")
    last.close()


async def test_a_silent_client_is_let_go(start: Start) -> None:
    running = await start(idle_s=0.1)
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port["mx"])
    await read_reply(reader)
    assert await asyncio.wait_for(reader.read(), 10) == b"421 4.4.2 Nothing said for too long; closing\r\n"
    writer.close()


async def test_stop_tells_the_idle_and_finishes_a_message(start: Start) -> None:
    running = await start()
    running.fakes.intake.gate = asyncio.Event()
    idle, idle_writer = await asyncio.open_connection("127.0.0.1", running.port["mx"])
    await read_reply(idle)
    busy, busy_writer = await asyncio.open_connection("127.0.0.1", running.port["mx"])
    busy_writer.write(b"HELO a\r\nMAIL FROM:<>\r\nRCPT TO:<bob@example.test>\r\nDATA\r\n")
    await busy.readuntil(b"354 End data with <CR><LF>.<CR><LF>\r\n")
    stopping = asyncio.create_task(running.server.close())
    assert await idle.read() == b"421 4.3.2 Shutting down; try again\r\n"
    busy_writer.write(b"a: b\r\n\r\n.\r\n")
    running.fakes.intake.gate.set()
    answer = (await busy.read()).decode().splitlines()
    assert answer[0].startswith("250 2.0.0 Ok: stored as")
    assert answer[1:] == ["421 4.3.2 Shutting down; try again"]
    await asyncio.wait_for(stopping, 5)
    with pytest.raises(OSError):
        await asyncio.open_connection("127.0.0.1", running.port["mx"])
    idle_writer.close()
    busy_writer.close()


async def test_a_handshake_that_ends_after_the_stop_began_is_told_so(start: Start, client_tls: ssl.SSLContext) -> None:
    running = await start()
    gate = running.fakes.intake.gate = asyncio.Event()
    late, late_writer = await asyncio.open_connection("127.0.0.1", running.port["submissions"])
    busy, busy_writer = await asyncio.open_connection("127.0.0.1", running.port["mx"])
    busy_writer.write(b"HELO a\r\nMAIL FROM:<>\r\nRCPT TO:<bob@example.test>\r\nBDAT 0 LAST\r\n")
    await running.fakes.intake.waiting.wait()
    stopping = asyncio.create_task(running.server.close())
    await asyncio.sleep(0)
    await late_writer.start_tls(client_tls, server_hostname="127.0.0.1")
    assert await read_reply(late) == "421 4.3.2 Shutting down; try again\r\n"
    gate.set()
    assert (await busy.read()).endswith(b"421 4.3.2 Shutting down; try again\r\n")
    await asyncio.wait_for(stopping, 5)
    late_writer.close()
    busy_writer.close()


async def test_stop_does_not_wait_for_ever(start: Start) -> None:
    running = await start(drain_s=0.1)
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port["mx"])
    writer.write(b"HELO a\r\nMAIL FROM:<>\r\nRCPT TO:<bob@example.test>\r\nDATA\r\n")
    await reader.readuntil(b"354 End data with <CR><LF>.<CR><LF>\r\n")
    await asyncio.wait_for(running.server.close(), 5)
    writer.close()


async def test_who_is_given_up_at_the_stop_is_told_and_lets_go_of_all(start: Start) -> None:
    running = await start(drain_s=0.1)
    running.fakes.intake.gate = asyncio.Event()
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port["mx"])
    writer.write(b"HELO a\r\nMAIL FROM:<>\r\nRCPT TO:<bob@example.test>\r\nBDAT 6 LAST\r\na: b\r\n")
    await running.fakes.intake.waiting.wait()
    await asyncio.wait_for(running.server.close(), 5)
    assert (await reader.read()).endswith(b"\r\n421 4.3.2 Shutting down; try again\r\n")
    assert running.fakes.intake.stored == []
    writer.close()


async def test_a_message_whose_sender_is_gone_is_still_stored_whole(start: Start) -> None:
    running = await start()
    gate = running.fakes.intake.gate = asyncio.Event()
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port["mx"])
    writer.write(b"HELO a\r\nMAIL FROM:<>\r\nRCPT TO:<bob@example.test>\r\nDATA\r\n")
    await reader.readuntil(b"354 End data with <CR><LF>.<CR><LF>\r\n")
    writer.write(b"a: b\r\n\r\n.\r\n")
    await writer.drain()
    await running.fakes.intake.waiting.wait()
    writer.transport.abort()
    gate.set()
    await running.server.close()
    assert running.fakes.intake.accounts == [2]


async def test_tls_without_a_certificate_is_refused() -> None:
    fakes = Fakes()
    with listen("127.0.0.1", 0) as sock, pytest.raises(ValueError, match="needs a certificate"):
        await SmtpServer(fakes.world, fakes.metrics, tls=None).listen(sock, Role.SMTP, "starttls")
