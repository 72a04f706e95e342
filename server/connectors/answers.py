"""What an upload's HTTP status means: done, try again, or never mind."""

from server.errors import UploadFailed

HOPELESS = {
    401: "The service does not know these credentials.",
    403: "The service does not allow these credentials to write there.",
    404: "The service knows no such place: see how address, bucket and folder are spelled.",
    413: "The service takes no file of this size.",
}


def told(status: int) -> None:
    """Raises UploadFailed for anything but 2xx; a redirect is not followed."""
    if 200 <= status < 300:
        return
    if status in HOPELESS:
        raise UploadFailed(HOPELESS[status], status, final=True)
    raise UploadFailed(f"The service answered {status}.", status)
