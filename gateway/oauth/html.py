"""Pages: plain HTML that needs no script, with the one style sheet that all have.

The law: every text goes through `text`, so that what a stranger chose is only ever read. No page may be shown inside
another, load anything, or send a form elsewhere than its policy says (CSP 3).
"""

import base64
import hashlib
from collections.abc import Iterable
from html import escape
from typing import Final

from gateway.oauth.parts import HTML, UNKEPT, Headers, Reply

# 320 px wide and up, light and dark, larger letters and forced colours: what the reader has set is kept.
STYLE: Final = """
:root{color-scheme:light dark}
body{font:1rem/1.5 system-ui,sans-serif;margin:0;padding:1rem;background:Canvas;color:CanvasText}
main{max-width:26rem;margin:0 auto;overflow-wrap:anywhere}
h1{font-size:1.5rem;line-height:1.25}
h2{font-size:1.15rem;margin-top:2rem}
label{display:block;margin-top:1rem;font-weight:600}
label.choice{display:flex;gap:.5rem;margin-top:.5rem;font-weight:400}
.hint{margin:.1rem 0;font-size:.9rem}
input[type=text],input[type=password]{box-sizing:border-box;width:100%;min-height:2.75rem;padding:.5rem;font:inherit;
border:1px solid GrayText;border-radius:.4rem;background:Field;color:FieldText}
input[type=checkbox]{min-width:1.25rem;min-height:1.25rem}
button{min-height:2.75rem;padding:.5rem 1.25rem;margin:1.25rem .5rem 0 0;font:inherit;font-weight:600;
border:1px solid ButtonBorder;border-radius:.4rem;background:ButtonFace;color:ButtonText}
button.main{background:#1a5fb4;border-color:#1a5fb4;color:#fff}
:focus-visible{outline:3px solid Highlight;outline-offset:2px}
.alert{border-left:.4rem solid #c01c28;padding:.5rem .75rem;margin:1rem 0}
.done{border-left:.4rem solid #26a269;padding:.5rem .75rem;margin:1rem 0}
code{font-size:1.05rem}
ul{padding-left:1.25rem}
""".strip()

_HASH: Final = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()


def text(value: str) -> str:
    """Safe in the body and between the quotes of an attribute."""
    return escape(value, quote=True)


def page(
    title: str, body: str, *, error: str = "", status: int = 200, headers: Headers = (), also: str = "", host: str = ""
) -> Reply:
    """A whole page. `error`: what went wrong, said first. `also`: where its form may lead besides here. `host`: who
    shows it."""
    alert = f'<p class="alert" role="alert" id="error">{text(error)}</p>\n' if error else ""
    said = f"{'Error: ' if error else ''}{title}"
    whole = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{text(said)}{' - ' + text(host) if host else ''}</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n<h1>{text(title)}</h1>\n{alert}{body}</main>\n</body>\n</html>\n"
    )
    return Reply(status, whole.encode(), HTML, (*UNKEPT, *_policy(also), *headers))


def field(
    name: str,
    label: str,
    *,
    kind: str = "text",
    value: str = "",
    hint: str = "",
    auto: str = "off",
    more: str = "",
    failed: bool = False,
) -> str:
    """A labelled input. `auto`: what browsers may fill in. `more`: further attributes, ours. `failed`: the page's error
    may be about it, and is read with it (`aria-errormessage` would be the word, but few readers know it)."""
    about = f'<p class="hint" id="{name}-hint">{text(hint)}</p>\n' if hint else ""
    by = " ".join([*(["error"] if failed else []), *([f"{name}-hint"] if hint else [])])
    described = (' aria-invalid="true"' if failed else "") + (f' aria-describedby="{by}"' if by else "")
    return (
        f'<label for="{name}">{text(label)}</label>\n{about}'
        f'<input type="{kind}" id="{name}" name="{name}" value="{text(value)}" autocomplete="{auto}"'
        f' autocapitalize="none" spellcheck="false"{described}{more}>\n'
    )


def choice(name: str, value: str, label: str, *, checked: bool = True) -> str:
    """A box to tick."""
    mark = " checked" if checked else ""
    box = f'<input type="checkbox" name="{name}" value="{text(value)}"{mark}>'
    return f'<label class="choice">{box} <span>{text(label)}</span></label>\n'


def form(action: str, hidden: Iterable[tuple[str, str]], body: str, buttons: Iterable[tuple[str, str, str]]) -> str:
    """A form. `buttons`: name, value and words of each; the first is the main one."""
    kept = "".join(f'<input type="hidden" name="{name}" value="{text(value)}">\n' for name, value in hidden)
    made = "".join(
        f'<button type="submit" name="{name}" value="{text(value)}"{" class=main" if at == 0 else ""}>{text(words)}'
        "</button>\n"
        for at, (name, value, words) in enumerate(buttons)
    )
    return f'<form method="post" action="{action}">\n{kept}{body}{made}</form>\n'


def paragraph(*said: str) -> str:
    """A paragraph."""
    return f"<p>{text(' '.join(said))}</p>\n"


def listed(items: Iterable[str]) -> str:
    """A list."""
    return "<ul>\n" + "".join(f"<li>{text(item)}</li>\n" for item in items) + "</ul>\n"


def _policy(also: str) -> Headers:
    # Chrome asks form-action also for where the answer to a form leads; hence `also`.
    actions = f"'self' {also}".strip()
    csp = (
        f"default-src 'none'; style-src 'sha256-{_HASH}'; form-action {actions}; frame-ancestors 'none'; "
        "base-uri 'none'"
    )
    return (
        ("Content-Security-Policy", csp),
        ("X-Frame-Options", "DENY"),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer"),
    )
