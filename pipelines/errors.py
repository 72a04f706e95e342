"""What can go wrong while drawing. `server/errors.py` draws the whole tree and adds what can go wrong at the door.

A code is for programs, a sentence is for people: it says what to do, and never holds a path, a traceback or the
caller's own words.
"""


class DarkroomError(Exception):
    """The root of every error that this program raises on purpose."""

    code = "internal_error"

    def __init__(self, sentence: str, *, field: str | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.field = field  # the Task field that is to blame, in our own words


class TaskRefused(DarkroomError):
    """The task asks for something that its model cannot do: a size, a number of steps, a sampler."""

    code = "task_refused"


class NothingFound(TaskRefused):
    """The picture does not show what the task says should be changed in it."""

    code = "nothing_found"


class ModelUnknown(DarkroomError):
    """No model of that name is in the catalogue."""

    code = "model_unknown"


class ModelNotInstalled(DarkroomError):
    """The catalogue has the model, but its files are absent."""

    code = "model_not_installed"


class CatalogInvalid(DarkroomError):
    """models.yaml does not say what it must: the sentence names file, line and field."""

    code = "catalog_invalid"


class WeightsRefused(DarkroomError):
    """A weights file is not what it should be: a pickle, a wrong sha256, a header that lies, outside its folder."""

    code = "weights_refused"


class OutOfMemory(DarkroomError):
    """The device has not enough memory even for this task alone."""

    code = "out_of_memory"


class DrawingFailed(DarkroomError):
    """The pipeline raised something else; the log has it, the caller does not."""

    code = "drawing_failed"


class DeadlinePassed(DarkroomError):
    """The job was not finished when its deadline came."""

    code = "deadline_passed"


class WorkerLost(DarkroomError):
    """The process that drew the job died again and again, or can draw no more."""

    code = "worker_lost"

    def __init__(self, sentence: str = "Nothing can be drawn at present: the server's log says why.") -> None:
        super().__init__(sentence)
