"""WHERE IT IS: configuration, stores, blobs, hosting, observation. Nothing here knows mail.

gRPC reads which of its two engines to use when it is first imported, so it is told here, before any module of ours can.
The newer engine hands each frame through two threads more; without it a single call over the data plane takes a quarter
less (decision 0011).
"""

import os
from typing import Final

GRPC: Final = "GRPC_EXPERIMENTS"

if not os.environ.get(GRPC):  # Ray's workers are given an empty one, and a person may give another
    os.environ[GRPC] = "-event_engine_client,-event_engine_listener,-event_engine_for_all_other_endpoints"
