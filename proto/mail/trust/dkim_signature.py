"""One signature as its field says it: DKIM-Signature (RFC 6376 3.5), ARC-Message-Signature and ARC-Seal (RFC 8617 4.1).

The law: what cannot be read, or asks for something unknown, is BadTags with the reason, and signs nothing.
"""

import re
from functools import lru_cache
from typing import Final, Literal, NamedTuple, cast

import idna

from mail.trust.dkim_canon import Field, Form
from mail.trust.dkim_tags import BadTags, Tags, parse

Kind = Literal["dkim", "ams", "seal"]

FIELD_BYTES_MAX: Final = 16 * 1024  # with z= some reach 4 kB
DOMAIN_BYTES_MAX: Final = 253
_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"  # underscores are seen in selectors
_SELECTOR: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_DOMAIN: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})+")  # RFC 6376 3.5: at least two
_FIELD_NAME: Final = re.compile(r"[!-9<-~]+")
NAMES_KEPT_CHARS: Final = 500  # h= of 16 fields has 200 and takes 10 us
_HASHES: Final = ("sha256", "sha1")
_STAMP_DIGITS_MAX: Final = 12  # RFC 6376 3.5
_FOLDS: Final = re.compile(rb"[ \t\r\n]+")
_HEX: Final = re.compile(rb"=([0-9A-Fa-f]{2})")
_WAYS: Final = frozenset({"dns/txt", "dns"})  # the second is how RFC 6376's drafts wrote the first, and old signers do


class Signature(NamedTuple):
    """What a signature claims. `identity`: i=, decoded, its domain in A-labels, of a DKIM-Signature; domains and
    selectors in A-labels and lower case; times in seconds since 1970; `length` l=, None: the whole body."""

    field: Field
    algorithm: str  # "rsa-sha256", "ed25519-sha256", "rsa-sha1"
    signature: bytes
    domain: str
    selector: str
    b: str  # as it is written, without white space
    blank: bytes  # the field with b= emptied and without its CRLF, before canonicalization
    header_form: Form = "relaxed"
    body_form: Form = "relaxed"
    body_hash: bytes = b""
    names: tuple[bytes, ...] = ()
    identity: str = ""
    length: int | None = None
    signed_s: int | None = None
    expires_s: int | None = None
    instance: int = 0  # of ARC
    verdict: str = ""  # cv= of a seal

    @property
    def key_name(self) -> str:
        """Where the key is (RFC 6376 3.6.2.1)."""
        return f"{self.selector}._domainkey.{self.domain}"


def read(field: Field, kind: Kind = "dkim") -> Signature:
    """The signature in a field. Raises BadTags."""
    if len(field.raw) > FIELD_BYTES_MAX:
        raise BadTags("the field is too long")
    start = field.raw.index(b":") + 1
    tags = parse(field.raw, start)
    signature = _common(field, tags)
    if kind == "seal":
        return _seal(signature, tags)
    signature = _over_a_message(signature, tags)
    if kind == "ams":
        return signature._replace(instance=_instance(tags))
    if tags.text("v") != "1":
        raise BadTags("the version is not 1")
    return signature._replace(identity=_identity(tags, signature.domain))


def _common(field: Field, tags: Tags) -> Signature:
    """What all three have."""
    signature = tags.binary("b")
    if not signature:
        raise BadTags("b= is empty")
    place = tags["b"]
    return Signature(
        field=field,
        algorithm=_algorithm(tags),
        signature=signature,
        domain=a_labels(tags.text("d"), "d"),
        selector=a_labels(tags.text("s"), "s", _SELECTOR),
        b=_FOLDS.sub(b"", place.value).decode("ascii"),
        blank=(field.raw[: place.start] + field.raw[place.end :]).removesuffix(b"\r\n"),
        signed_s=_stamp(tags, "t"),
    )


def _algorithm(tags: Tags) -> str:
    algorithm = tags.text("a")
    if algorithm not in ("rsa-sha256", "ed25519-sha256", "rsa-sha1"):  # RFC 8301 3.1 and RFC 8463 3; the last: refused
        raise BadTags(f"the algorithm {algorithm[:20]!r} is unknown")
    return algorithm


def _over_a_message(signature: Signature, tags: Tags) -> Signature:
    """What a DKIM-Signature and an ARC-Message-Signature have besides."""
    forms = tags.text("c", "simple/simple").split("/")
    if len(forms) > 2 or any(form not in ("simple", "relaxed") for form in forms):
        raise BadTags("the canonicalization is unknown")
    if not _WAYS & set(tags.words("q", "dns/txt")):
        raise BadTags("the key is to be had by an unknown way")
    names = _names(tags)
    body_hash = tags.binary("bh")
    if len(body_hash) != (20 if signature.algorithm == "rsa-sha1" else 32):
        raise BadTags("bh= is not a hash of the algorithm")
    expires_s = _stamp(tags, "x")
    if expires_s is not None and signature.signed_s is not None and expires_s <= signature.signed_s:
        raise BadTags("x= is not after t=")
    return signature._replace(
        header_form=cast("Form", forms[0]),
        body_form=cast("Form", forms[1] if len(forms) == 2 else "simple"),
        body_hash=body_hash,
        names=names,
        length=tags.number("l"),
        expires_s=expires_s,
    )


def _names(tags: Tags) -> tuple[bytes, ...]:
    """h=. Empty names are passed over, as all verifiers in use do: there is no such field, so that they sign nothing.
    Whether the others will do is for who judges the signature."""
    if "h" not in tags:
        raise BadTags("h= is missing")
    text = tags.text("h")
    return _names_kept(text) if len(text) <= NAMES_KEPT_CHARS else _names_in(text)


def _names_in(text: str) -> tuple[bytes, ...]:
    names = [name for word in text.split(":") if (name := word.strip(" \t\r\n").lower())]
    if not all(_FIELD_NAME.fullmatch(name) for name in names):
        raise BadTags("h= is no list of fields")
    return tuple([name.encode() for name in names])


_names_kept: Final = lru_cache(maxsize=1024)(_names_in)  # most mail is signed by a few programs; 3 MB at the worst


def _seal(signature: Signature, tags: Tags) -> Signature:
    """RFC 8617 4.1.3: only header fields, and which ones is not its choice."""
    if "h" in tags:
        raise BadTags("a seal has no h=")
    verdict = tags.text("cv")
    if verdict not in ("none", "pass", "fail"):
        raise BadTags("cv= is unknown")
    return signature._replace(instance=_instance(tags), verdict=verdict)


def _instance(tags: Tags) -> int:
    text = tags.text("i")
    if not (text.isascii() and text.isdigit() and len(text) <= 2 and 1 <= int(text) <= 50):  # RFC 8617 4.2.1
        raise BadTags("i= is not 1 to 50")
    return int(text)


def _stamp(tags: Tags, name: str) -> int | None:
    if name in tags and len(tags[name].value) > _STAMP_DIGITS_MAX:
        raise BadTags(f"{name}= is no time")
    return tags.number(name)


def _identity(tags: Tags, domain: str) -> str:
    """i= (RFC 6376 3.5): within d=. All of it is quoted-printable, the domain too."""
    if "i" not in tags:
        return f"@{domain}"
    local, at, place = _quoted_printable(tags["i"].value).rpartition("@")
    if not at:
        raise BadTags("i= has no domain")
    place = a_labels(place, "i")
    if place != domain and not place.endswith(f".{domain}"):
        raise BadTags("i= is not within d=")
    return f"{local}@{place}"


def _quoted_printable(value: bytes) -> str:
    """dkim-quoted-printable (RFC 6376 2.11): white space says nothing, =XX is a byte. It may be UTF-8 (RFC 8616 4);
    where it is not, it is only shown."""
    return _HEX.sub(lambda found: bytes((int(found[1], 16),)), _FOLDS.sub(b"", value)).decode("utf-8", "replace")


@lru_cache(maxsize=4096)  # a few hundred domains sign most of the mail; converting one costs 10 us and more
def a_labels(text: str, tag: str, pattern: re.Pattern[str] = _DOMAIN) -> str:
    """A domain or selector in A-labels and lower case (RFC 8616 3). Raises BadTags, which names the tag."""
    name = _lowered(text) if len(text) <= DOMAIN_BYTES_MAX else ""  # so that what is kept is small, too
    if len(name) > DOMAIN_BYTES_MAX or not pattern.fullmatch(name):
        raise BadTags(f"{tag}= is no {'domain' if pattern is _DOMAIN else 'selector'}")
    return name


def _lowered(text: str) -> str:
    try:
        return text.lower() if text.isascii() else idna.encode(text, uts46=True).decode()
    except (idna.IDNAError, UnicodeError):
        return ""
