"""Mail that holds what some server takes for the end of mail data: it is one message on either side, and stays one.

Our server neutralises bare CR and LF here, else it would refuse most of this mail (which test_to_us.py has).
"""

import pytest

from tests.peers.conftest import of
from tests.peers.exim import Exim
from tests.peers.peer import Peer
from tests.peers.postfix import Postfix
from tests.peers.smuggling import ENDS, comes_in_once, goes_out_once
from tests.peopled import Peopled

SMTP = 'bare_newlines = "neutralise"\n'


@pytest.mark.parametrize("by_data", [False, True])
def test_from_us(peer: Peer, ours: Peopled, login: str, *, by_data: bool) -> None:
    goes_out_once(ours, login, peer, ENDS, by_data=by_data)


@pytest.mark.parametrize("peer", [of(Postfix), of(Exim)], indirect=True)
def test_to_us(peer: Peer, ours: Peopled, login: str) -> None:
    """Peers with CHUNKING, which take such mail as it is."""
    comes_in_once(ours, login, peer, ENDS)
