"""Where an S3 store is, and how to reach it. Apart from its user, which imports a heavy client.

The law: what holds a key is a Secret, and no secret is printed.
"""

from typing import Annotated

from msgspec import Meta, Struct

from cluster.config.secret import Secret


class S3Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The S3 store (MinIO, Ceph, AWS …) of large messages and of packs. Its clock must be right within minutes."""

    endpoints: Annotated[
        tuple[str, ...],
        Meta(description="`http://HOST:PORT` or `https://HOST:PORT`; where there are several, the next one is asked "
             "when one does not answer.", min_length=1),
    ] = ("http://localhost:9000",)  # fmt: skip
    bucket: Annotated[str, Meta(description="The bucket; nobody else may write to it.", min_length=3)] = "rookery"
    make_bucket: Annotated[bool, Meta(description="Whether to make the bucket at the start where it is missing.")] = (
        False
    )
    region: Annotated[str, Meta(description="Its region, as the signature needs it.", min_length=1)] = "us-east-1"
    access_key: Annotated[
        Secret, Meta(description='The access key\'s name, as { env = "NAME" } or { file = "PATH" }.')
    ] = Secret()
    secret_key: Annotated[Secret, Meta(description="The secret that belongs to it, given in the same way.")] = Secret()
    authority: Annotated[
        str, Meta(description="PEM file with the authority that signed the certificate; empty: the system's.")
    ] = ""
    path_style: Annotated[
        bool, Meta(description="true: the bucket is in the path. false: in the host name, as AWS prefers it.")
    ] = True
    connections: Annotated[int, Meta(description="Requests at once, each in a thread.", ge=1, le=256)] = 16
    connect_s: Annotated[
        float, Meta(description="How long connecting may take, and sending one part of up to 8 MB.", gt=0, le=60)
    ] = 10.0
    read_s: Annotated[float, Meta(description="How long the store may be silent.", gt=0, le=60)] = 10.0
    total_s: Annotated[
        float, Meta(description="How long a request is tried again before somebody is told.", gt=0, le=300)
    ] = 30.0

    @property
    def where(self) -> str:
        """The endpoints and the bucket, for people."""
        return f"S3 at {', '.join(self.endpoints)}, bucket {self.bucket}"
