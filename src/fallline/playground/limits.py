"""What the playground's server accepts, so that no page can make it work without end."""

__all__ = [
    "FRAMES_PER_SECOND",
    "MAX_HIDDEN_LAYERS",
    "MAX_MESSAGE_BYTES",
    "MAX_NEURONS",
    "MAX_PARAMETERS",
    "MAX_POINTS",
    "MAX_SESSIONS",
    "MAX_UPLOAD_BYTES",
]

MAX_SESSIONS = 256
MAX_MESSAGE_BYTES = 256 * 1024  # a longer message is answered with an error
MAX_FRAME_BYTES = 4 * 1024 * 1024  # the connection of a still longer one is closed
MAX_UPLOAD_BYTES = 50 * 1024 * 1024
MAX_TABLE_NUMBERS = 20_000_000  # rows times features
MAX_HIDDEN_LAYERS = 6
MAX_NEURONS = 64  # in a hidden layer
MAX_OUTPUTS = 30
MAX_PARAMETERS = 20_000
MAX_POINTS = 2_000  # made or drawn
MAX_EPOCHS = 1_000_000
FRAMES_PER_SECOND = 60
MAX_VIEWS = 16  # pages of one widget
SILENT_SECONDS = 180.0  # after which a widget's page counts as gone
