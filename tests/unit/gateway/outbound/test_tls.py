"""What is said of TLS, and the handshake's context."""

import pytest

from gateway.outbound.tls import Problem, TlsPolicy, client_context


def test_the_handshake_itself_judges_nothing_but_old_versions() -> None:
    context = client_context()
    assert context.minimum_version.name == "TLSv1_2"
    assert not context.check_hostname


@pytest.mark.parametrize(
    ("failures", "passing"),
    [
        ([], False),
        (["validation-failure"], False),
        (["dane-required", "tlsa-invalid"], False),
        (["dnssec-invalid"], True),
        (["sts-policy-fetch-error", "validation-failure"], True),
        (["sts-webpki-invalid"], True),
    ],
)
def test_a_refusal_may_pass(failures: list[str], passing: bool) -> None:
    problems = tuple(Problem("tlsa", failure) for failure in failures)
    assert TlsPolicy("refused", problems=problems).passing is passing
