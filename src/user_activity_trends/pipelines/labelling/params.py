"""The typed owner of ``labelling`` in the parameters."""

from pydantic import BaseModel, ConfigDict

from user_activity_trends.segmentation.naming import NamesParams


class LabellingParams(BaseModel):
    """What segments are called."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    names: NamesParams
