"""What Emails are created with in tests."""

NOW_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z
BLOBS = {
    "image": b"\x89PNG\r\n",
    "pdf": b"%PDF" * 30,
    "mail": b"Subject: x\r\n\r\nhello\r\n",
    "odd mail": b"Subject: x\n\nbare line feed",
    "empty": b"",
    "latin": b"caf\xe9",
    "utf8": b"\xc3\xa9,b\r\n",
}
