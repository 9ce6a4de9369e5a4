"""Which charsets SEARCH takes (RFC 3501 6.4.4). A name is looked up in a fixed table, never imported."""

import re
from encodings.aliases import aliases

from mail.imap.errors import ImapError

# Python's codecs that turn bytes into bytes, run code of the platform, or are no charset of mail.
_UNSAFE = {
    "base64_codec",
    "bz2_codec",
    "hex_codec",
    "quopri_codec",
    "rot_13",
    "uu_codec",
    "zlib_codec",
    "mbcs",
    "utf_7",
}
_CODECS = {name: codec for name, codec in aliases.items() if codec not in _UNSAFE}
_CODECS |= {codec: codec for codec in _CODECS.values()}
_SEPARATORS = re.compile(r"[^a-z0-9]+")


def codec_of(charset: bytes) -> str:
    """The codec for a charset's name. ImapError: NO [BADCHARSET (...)] with what we surely have."""
    name = _SEPARATORS.sub("_", charset.decode("ascii", "replace").lower())
    codec = _CODECS.get(name)
    if codec is None or not charset.isascii():
        raise ImapError("This charset is not known here", status=b"NO", code=b"BADCHARSET (US-ASCII UTF-8)")
    return codec


def decode(value: bytes, codec: str) -> str:
    """The string of a search key. ImapError if its octets mean nothing in that charset."""
    try:
        return value.decode(codec)
    except ValueError:
        raise ImapError("A search string is not in the charset that was named") from None
