"""The IMAP server (RFC 3501 and extensions). From the outside in:

`server` and `connection` are those of all mail access (gateway/access) with IMAP's grammar · `dispatch` has the table
of commands · `session` is what is remembered of a client · `selected` is the mailbox as that client knows it.
The commands: `general`, `auth`, `mailboxes`, `selecting`, `append`, `fetch` (with `items`), `search` (with
`matching`), `store`, `copy`. `troubles` turns errors into answers, `parts` says what all of it stands on.

The law: nothing is kept here between connections, and nothing that never changes is asked of a mailbox's owner.
"""
