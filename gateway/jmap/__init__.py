"""JMAP (RFC 8620, 8621): a stateless gateway over the mailbox log.

`parts.py` says what it stands on, `turn.py` what one request knows, `dispatch.py` carries its calls out, `standard.py`
has what all types' methods share; then one module or more for each type, and `session.py`, `routes.py` for HTTP.
"""
