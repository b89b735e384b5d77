"""The recipe that this project replaces, as a yardstick.

One script on the whole table: scale the nine behavioural columns to [0, 1], fit
k-means for k = 1..10 with ten k-means++ starts each, find the elbow, fit the
final model and label every row.

    python benchmarks/original_recipe.py SESSIONS

Prints one JSON object: ``sse`` for each k, ``elbow`` and ``sizes`` of the segments.
"""

import json
import sys

import pandas as pd
from kneed import KneeLocator
from sklearn.cluster import KMeans
from sklearn.preprocessing import MinMaxScaler

FEATURES = [
    "Administrative",
    "Administrative_Duration",
    "Informational",
    "Informational_Duration",
    "ProductRelated",
    "ProductRelated_Duration",
    "BounceRates",
    "ExitRates",
    "PageValues",
]
COUNTS = range(1, 11)


def main(sessions: str) -> None:
    """Run the recipe on one CSV file."""
    scaled = MinMaxScaler().fit_transform(pd.read_csv(sessions)[FEATURES].dropna())
    models = [KMeans(k, n_init=10, random_state=42).fit(scaled) for k in COUNTS]
    sse = [float(model.inertia_) for model in models]
    elbow = int(KneeLocator(COUNTS, sse, curve="convex", direction="decreasing").elbow)
    final = KMeans(elbow, n_init=10, random_state=42).fit(scaled)
    sizes = sorted(pd.Series(final.labels_).value_counts().tolist(), reverse=True)
    print(json.dumps({"sse": sse, "elbow": elbow, "sizes": sizes}))


if __name__ == "__main__":
    main(sys.argv[1])
