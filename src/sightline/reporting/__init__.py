"""Results become text, files, pictures and JSON that others can rely on. Prints nothing."""

from sightline.reporting.answers import (
    ANSWER_FORMS,
    AnswersWriter,
    answer_documents,
    open_answers,
)
from sightline.reporting.comparison import comparison_lines
from sightline.reporting.curves import read_history, save_curves
from sightline.reporting.json_schemas import schema, schema_names
from sightline.reporting.tables import (
    class_lines,
    confusion_lines,
    evaluation_lines,
    overall_lines,
)

__all__ = [
    "ANSWER_FORMS",
    "AnswersWriter",
    "answer_documents",
    "class_lines",
    "comparison_lines",
    "confusion_lines",
    "evaluation_lines",
    "open_answers",
    "overall_lines",
    "read_history",
    "save_curves",
    "schema",
    "schema_names",
]
