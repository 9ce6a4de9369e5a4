"""Limits that the admin service and its clients agree on."""

from typing import Final

MESSAGE_BYTES_MAX: Final = 64 * 1024 * 1024  # of one imported message: above what servers commonly accept
BATCH_MESSAGES_MAX: Final = 1000  # of one batch of an import
KEY_BYTES_MAX: Final = 64  # of a batch's key
CALL_BYTES_MAX: Final = MESSAGE_BYTES_MAX + 8 * 1024 * 1024  # of one gRPC message: the largest mail and its company
