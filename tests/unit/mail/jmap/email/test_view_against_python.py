"""What Python's own library writes is shown as what it was given."""

from email.headerregistry import Address, Group
from email.message import EmailMessage
from email.policy import SMTP

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.mail.jmap.email.reading import shown

TEXT = st.text(st.sampled_from("ab Zé漢ß\U0001f600-."), min_size=1, max_size=80).map(
    lambda text: " ".join(text.split()) or "x"
)
BODY = st.text(st.sampled_from("ab é漢\n.="), max_size=200).map(lambda text: text + "\n")
PROPERTIES = [
    "subject",
    "from",
    "to",
    "textBody",
    "htmlBody",
    "attachments",
    "bodyValues",
    "header:To:asGroupedAddresses",
]


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(TEXT, TEXT, TEXT, BODY, BODY, st.binary(max_size=200))
def test_a_message(subject: str, name: str, file_name: str, text: str, html: str, attached: bytes) -> None:
    message = EmailMessage(SMTP)
    message["Subject"] = subject
    message["From"] = Address(name, "a", "x.test")
    message["To"] = [Group("friends", (Address("", "b", "x.test"),)), Address("c", "c", "x.test")]
    message.set_content(text)
    message.add_alternative(html, subtype="html")
    message.add_attachment(attached, maintype="application", subtype="pdf", filename=file_name)
    email = shown(message.as_bytes(), {"properties": PROPERTIES, "fetchAllBodyValues": True})
    assert email["subject"] == subject
    assert email["from"] == [{"name": name, "email": "a@x.test"}]
    assert email["to"] == [{"name": None, "email": "b@x.test"}, {"name": "c", "email": "c@x.test"}]
    assert [group["name"] for group in email["header:To:asGroupedAddresses"]] == ["friends", None]
    assert email["bodyValues"][email["textBody"][0]["partId"]]["value"] == text
    assert email["bodyValues"][email["htmlBody"][0]["partId"]]["value"] == html
    (attachment,) = email["attachments"]
    assert (attachment["name"], attachment["size"]) == (file_name, len(attached))
