"""Write the JSON Schema of ``segment_scorer``: ``python -m user_activity_trends.scorer_schema``."""

import json
from pathlib import Path

from user_activity_trends.segmentation.scorer import SegmentScorer

PLACE = Path("docs/segment_scorer.schema.json")


def schema() -> str:
    """Return the schema as text, which is the same whenever the model of it is."""
    return json.dumps(SegmentScorer.model_json_schema(), indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Write the file, below the folder that this is called in."""
    PLACE.write_text(schema(), encoding="utf-8")


if __name__ == "__main__":
    main()
