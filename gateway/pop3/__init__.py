"""The POP3 server (RFC 1939 and extensions). From the outside in:

`server` and `connection` are those of all mail access (gateway/access) with POP3's grammar · `dispatch` has the table
of commands · `session` is what is remembered of a client · `maildrop` is INBOX as it was when that client logged in.
The commands: `general`, `auth`, `reading`. `troubles` turns errors into answers, `parts` says what it stands on.

The law: nothing is removed before QUIT, nothing but what was marked, and QUIT is answered when it is durable. Mail is
not locked: other sessions of the account go on, and what they remove is told as gone.
"""
