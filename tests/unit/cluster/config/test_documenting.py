"""The printed reference: complete, in words, and equal to the defaults when read back."""

import re

import msgspec

from cluster.config import document, load
from tests.unit.cluster.config.samples import Named, Settings


def test_the_reference_reads_back_to_the_defaults() -> None:
    assert load(Settings, document(Settings), {}) == Settings()


def test_the_reference_with_its_examples_uncommented_still_reads() -> None:
    examples = re.sub(r"(?m)^# (\[\[extra\]\]|weight = .*|key =)$", r"\1", document(Settings)).replace("\nkey =\n", "")
    assert load(Settings, examples.replace("[[extra]]", '[[extra]]\nkey = "k"'), {}).extra == (Named(key="k"),)


def test_each_setting_says_what_it_is() -> None:
    text = document(Settings)
    assert "# The largest message.\n# (a whole number, at least 1000, in bytes; default: 50000000)" in text
    assert "# Where to connect through.\n# (a text in quotes; default: none)\n# proxy =" in text
    assert "[[smtp.listen]]" in text
    assert "in seconds" in text
    assert "key =" in text


def test_required_settings_stand_in_a_comment() -> None:
    class Root(msgspec.Struct):
        token: str

    assert "# (a text in quotes; default: required)\n# token =" in document(Root)
