"""The one error of this package. What a client got wrong is a value that can be answered, never a crash."""


class ImapError(ValueError):
    """A command that cannot be taken.

    `status` is BAD for grammar and NO for what is well formed but impossible here; `code` is a response code without
    its brackets (RFC 5530 and others); the text may be shown to the client and never holds what it sent.
    `unsaves`: it was a search with SAVE, after which `$` is empty (RFC 5182 2.1).
    """

    def __init__(self, text: str, *, status: bytes = b"BAD", code: bytes | None = None, unsaves: bool = False) -> None:
        super().__init__(text)
        self.text = text
        self.status = status
        self.code = code
        self.unsaves = unsaves
