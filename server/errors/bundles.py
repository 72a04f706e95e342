"""What goes wrong with bundles, at the command line alone: nothing here is ever answered with."""

from pipelines.errors import DarkroomError


class BundleRefused(DarkroomError):
    """The bundle is not what it should be; nothing of it was installed."""

    code = "bundle_refused"


class BundleFailed(DarkroomError):
    """The bundle could not be made or brought in for a reason that is not its own."""

    code = "bundle_failed"
