"""The numerics of segmentation; nothing here knows Kedro."""
