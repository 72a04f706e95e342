"""The bodies of the jobs that work on faces."""

from server.bodies.job import Share
from server.bodies.pictures import ProcessingBody
from server.http.body import Name


class RestoreFacesBody(ProcessingBody):
    """The picture with its faces drawn anew; the job's `facts` say where they are, how many were found and restored."""

    model: Name | None = None
    strength: Share = 1.0
