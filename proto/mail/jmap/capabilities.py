"""The capability URIs of the standards spoken here.

The law: each stands here once. What a session offers is the gateway's to say.
"""

from typing import Final

CORE: Final = "urn:ietf:params:jmap:core"  # RFC 8620
MAIL: Final = "urn:ietf:params:jmap:mail"  # RFC 8621
SUBMISSION: Final = "urn:ietf:params:jmap:submission"  # RFC 8621
VACATION: Final = "urn:ietf:params:jmap:vacationresponse"  # RFC 8621
WEBSOCKET: Final = "urn:ietf:params:jmap:websocket"  # RFC 8887
MDN: Final = "urn:ietf:params:jmap:mdn"  # RFC 9007
BLOB: Final = "urn:ietf:params:jmap:blob"  # RFC 9404
QUOTA: Final = "urn:ietf:params:jmap:quota"  # RFC 9425
PRINCIPALS: Final = "urn:ietf:params:jmap:principals"  # RFC 9670
PRINCIPALS_OWNER: Final = "urn:ietf:params:jmap:principals:owner"  # RFC 9670 1.5.2, of accounts only
