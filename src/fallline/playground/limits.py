"""What the playground's server accepts, so that no page can make it work without end."""

__all__ = [
    "FRAMES_PER_SECOND",
    "MOST_HIDDEN_LAYERS",
    "MOST_MESSAGE_BYTES",
    "MOST_NEURONS",
    "MOST_PARAMETERS",
    "MOST_POINTS",
    "MOST_SESSIONS",
    "MOST_UPLOAD_BYTES",
]

MOST_SESSIONS = 256
MOST_MESSAGE_BYTES = 256 * 1024  # a longer message is answered with an error
MOST_FRAME_BYTES = 4 * 1024 * 1024  # the connection of a still longer one is closed
MOST_UPLOAD_BYTES = 50 * 1024 * 1024
MOST_TABLE_NUMBERS = 20_000_000  # rows times features
MOST_HIDDEN_LAYERS = 6
MOST_NEURONS = 64  # in a hidden layer
MOST_OUTPUTS = 30
MOST_PARAMETERS = 20_000
MOST_POINTS = 2_000  # made or drawn
MOST_EPOCHS = 1_000_000
FRAMES_PER_SECOND = 60
MOST_VIEWS = 16  # pages of one widget
SILENT_SECONDS = 180.0  # after which a widget's page counts as gone
