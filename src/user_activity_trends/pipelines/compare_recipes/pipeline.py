"""Wiring of the comparison of recipes."""

from kedro.pipeline import Node, Pipeline

from user_activity_trends.pipelines.compare_recipes import nodes


def create_pipeline() -> Pipeline:
    """Wire the file of sessions -> table of criteria -> chart."""
    return Pipeline(
        [
            Node(
                nodes.compare_recipes,
                inputs={
                    "sessions": "sessions",
                    "columns": "params:columns",
                    "recipes": "params:recipes",
                    "processing": "params:data_processing",
                    "sweeping": "params:clustering.sweep",
                    "selecting": "params:clustering.selection",
                    "testing": "params:clustering.stability",
                    "comparing": "params:compare_recipes",
                },
                outputs="recipe_comparison",
                name="compare_recipes",
            ),
            Node(
                nodes.draw_recipe_comparison,
                inputs={"recipe_comparison": "recipe_comparison"},
                outputs="recipe_comparison_chart",
                name="draw_recipe_comparison",
            ),
        ],
        namespace="compare_recipes",
        prefix_datasets_with_namespace=False,
    )
