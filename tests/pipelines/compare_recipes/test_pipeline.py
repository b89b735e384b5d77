"""The wiring: from the file of sessions, so that no earlier run is needed."""

from user_activity_trends.pipelines.compare_recipes import create_pipeline


def test_nodes_are_in_one_namespace_and_read_nothing_that_a_run_has_written() -> None:
    pipeline = create_pipeline()

    assert [node.name for node in pipeline.nodes] == [
        "compare_recipes.compare_recipes",
        "compare_recipes.draw_recipe_comparison",
    ]
    assert {one for one in pipeline.inputs() if not one.startswith("params:")} == {"sessions"}
    assert pipeline.all_outputs() == {"recipe_comparison", "recipe_comparison_chart"}
