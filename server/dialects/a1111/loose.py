"""Request bodies read as the web UI's own server reads them: clients send seeds as text, and 0 and 1 for yes and no."""

from pydantic import ConfigDict

from server.http.body import Body


class LooseBody(Body):
    """As Body, but that "7" is a number, and 1 is true."""

    model_config = ConfigDict(strict=False)
