"""A bucket of S3, or of what speaks like it (MinIO, Garage, Ceph). The library signs; our own door sends.

PutObject, https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html, with the bucket in the path.
"""

from collections.abc import Mapping, Sequence
from urllib.parse import quote

from server.connectors.answers import told
from server.errors import NotOffered
from server.fetch import Fetch


class S3:
    """endpoint: such as https://s3.eu-central-1.amazonaws.com. Raises NotOffered where the library is absent."""

    def __init__(
        self, fetch: Fetch, *, endpoint: str, region: str, bucket: str, access_key: str, secret_key: str
    ) -> None:
        try:
            from botocore.auth import S3SigV4Auth
            from botocore.credentials import Credentials
        except ImportError:
            raise NotOffered("S3 needs a package that is not here: pip install 'darkroom[connectors]'.") from None
        self._fetch = fetch
        self._start = f"{endpoint.rstrip('/')}/{quote(bucket, safe='')}"
        self._auth = S3SigV4Auth(Credentials(access_key, secret_key), "s3", region)

    async def put(self, path: Sequence[str], content: bytes, media_type: str) -> None:
        url = "/".join((self._start, *(quote(part, safe="") for part in path)))
        told((await self._fetch.send("PUT", url, content, self._signed(url, content, media_type))).status)

    def _signed(self, url: str, content: bytes, media_type: str) -> Mapping[str, str]:
        from botocore.awsrequest import AWSRequest

        headers = {"content-type": media_type, "content-length": str(len(content))}
        request = AWSRequest("PUT", url, headers, content)
        self._auth.add_auth(request)
        return {name: str(value) for name, value in request.headers.items()}
