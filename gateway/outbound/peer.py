"""The certificates that a server showed in a TLS handshake, as OpenSSL keeps them.

The law: they are what the server sent, whether or not anybody vouches for them: whoever reads them judges them.
"""

import ssl


def chain_of(session: "ssl.SSLObject | ssl.SSLSocket | None") -> list[bytes]:
    """The chain as DER, the server's own certificate first; empty where there is none.

    Python has this in public since 3.13; 3.10 to 3.12 have it in the object within, which is asked by name. Where that
    is not there either, the server's own certificate is all: enough for DANE-EE(3), the usual kind.
    """
    if session is None:
        return []
    if hasattr(session, "get_unverified_chain"):
        return list(session.get_unverified_chain())
    within = getattr(getattr(session, "_sslobj", None), "get_unverified_chain", None)
    chain = within() if within is not None else None
    if chain:
        return [ssl.PEM_cert_to_DER_cert(certificate.public_bytes()) for certificate in chain]
    leaf = session.getpeercert(binary_form=True)
    return [leaf] if leaf else []
