"""Messages (RFC 5322, MIME): one parse at intake yields a record; nothing is parsed again when it is fetched.

`record.read_message` is the way in. `section.locate` says which bytes a FETCH sends, `content` gives texts.
"""
