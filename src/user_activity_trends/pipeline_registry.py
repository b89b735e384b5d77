"""All pipelines of the project, by name."""

from kedro.pipeline import Pipeline

from user_activity_trends.pipelines import (
    clustering,
    compare_recipes,
    data_processing,
    inference,
    labelling,
    promotion,
    reporting,
)


def register_pipelines() -> dict[str, Pipeline]:
    """Return each stage by its own name, and the chains that people run.

    The stages are imported by name: Kedro's ``find_pipelines`` finds only what
    ``--pipelines`` asks for, so that a chain built from its result would lack
    stages.
    """
    stages = {
        "data_processing": data_processing.create_pipeline(),
        "clustering": clustering.create_pipeline(),
        "promotion": promotion.create_pipeline(),
        "labelling": labelling.create_pipeline(),
        "inference": inference.create_pipeline(),
        "reporting": reporting.create_pipeline(),
        "compare_recipes": compare_recipes.create_pipeline(),
    }
    chain = ("data_processing", "clustering", "promotion", "labelling", "reporting")
    training = sum((stages[name] for name in chain), Pipeline([]))
    # Order within a group of nodes is alphabetical: check_rejected_share, which stops
    # the run on a refused file, comes before the first node of inference.
    whole = training + inference.create_pipeline(after="rejected_sessions")
    return stages | {"training": training, "__default__": whole}
