"""Email objects (RFC 8621 4): read out of messages and their records, and written as messages.

`names.py` says which properties there are, `forms.py` reads header values, `bodies.py` chooses the parts to show,
`values.py` gives their text, `parts.py` and `view.py` make JSON of it all, `snippet.py` shows what a search found.
`create.py` makes a message of an object: `checks.py` and `checked_parts.py` make a `plan.py` of it, `fields.py`,
`encoded.py` and `transfer.py` write its pieces. `imported.py` is about blobs that may become emails.
"""
