"""gateway/smtp/memory.py"""

from gateway.smtp.memory import LIGHT_BYTES, Memory, Share


def test_what_is_taken_is_given_back() -> None:
    memory = Memory(10)
    share = Share(memory)
    assert share.take(10)
    assert memory.full
    share.give_back()
    share.give_back()
    assert memory.held_bytes == 0


def test_large_messages_that_began_together_are_cut_off_and_small_ones_are_not() -> None:
    memory = Memory(2 * LIGHT_BYTES)
    large = [Share(memory) for _ in range(3)]
    assert [share.take(2 * LIGHT_BYTES) for share in large] == [True, True, False]
    assert Share(memory).take(LIGHT_BYTES)
    large[2].give_back()
    large[1].give_back()
    assert large[0].take(1)
