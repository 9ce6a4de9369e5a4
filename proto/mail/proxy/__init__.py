"""The PROXY protocol, versions 1 and 2 (HAProxy, doc/proxy-protocol.txt): what a relay says in front of a connection.

    header = parse(data)    # None: more bytes are needed, `wanted(data)` says how many surely belong to the header

Pure and bounded. Whether a peer may say such a thing at all is for whoever accepts the connection to know.
"""

from mail.proxy.header import BadHeader, Endpoint, Header, Tls, parse, wanted

__all__ = ["BadHeader", "Endpoint", "Header", "Tls", "parse", "wanted"]
