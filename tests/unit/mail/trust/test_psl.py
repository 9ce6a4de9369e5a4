"""Organizational domains by the public suffix list."""

import subprocess
import sys

import pytest

from mail.trust.psl import registered_domain


@pytest.mark.parametrize(
    ("domain", "registered"),
    [
        ("a.b.example.com", "example.com"),
        ("Example.CO.UK.", "example.co.uk"),
        ("co.uk", None),
        ("com", None),
        ("x.github.io", "x.github.io"),
        ("github.io", None),
        ("a.b.unheard-of-suffix", "b.unheard-of-suffix"),
        ("a.bücher.de", "xn--bcher-kva.de"),
        ("192.0.2.1", None),
        ("", None),
    ],
)
def test_registered_domain(domain: str, registered: str | None) -> None:
    assert registered_domain(domain) == registered


def test_the_list_is_read_on_first_use() -> None:
    program = "import sys, mail.trust.psl; print('publicsuffixlist' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env={"PYTHONPATH": ":".join(sys.path)}
    )
    assert done.stdout == "False\n"
