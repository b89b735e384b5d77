"""The columns of the public data set, and the facts about them that hold by construction."""

from typing import Final

RATE_CEILING: Final = 0.2
"""The largest value of both rates in the public data set: every page was the last one."""

MONTHS: Final = ("Feb", "Mar", "May", "June", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

PAGE_TYPES: Final = ("Administrative", "Informational", "ProductRelated")
DURATIONS: Final = {f"{page_type}_Duration": page_type for page_type in PAGE_TYPES}
"""Each duration, and the number of pages that it was spent on."""

RATES: Final = ("BounceRates", "ExitRates")
FLAGS: Final = ("Weekend", "Revenue")

BEHAVIOUR: Final = (
    "Administrative",
    "Administrative_Duration",
    "Informational",
    "Informational_Duration",
    "ProductRelated",
    "ProductRelated_Duration",
    "BounceRates",
    "ExitRates",
    "PageValues",
)
CODES: Final = ("OperatingSystems", "Browser", "Region", "TrafficType")
NUMERIC: Final = (*BEHAVIOUR, "SpecialDay", *CODES)
COLUMNS: Final = (*BEHAVIOUR, "SpecialDay", "Month", *CODES, "VisitorType", *FLAGS)

VISITOR_TYPES: Final = ("Returning_Visitor", "Other", "New_Visitor")
"""From known to new: the order in which the rank correlations read them."""

RANKED: Final = (*NUMERIC, *FLAGS, "VisitorType")
"""The columns between which rank correlations are measured and imitated."""

LEVELLED: Final = ("Administrative", "Informational", "SpecialDay", *CODES, *FLAGS)
"""Columns with so few values that each value has its own frequency."""

DECIMALS: Final = {
    "Administrative_Duration": 2,
    "Informational_Duration": 2,
    "ProductRelated": 0,
    "ProductRelated_Duration": 2,
    "BounceRates": 6,
    "ExitRates": 6,
    "PageValues": 4,
}
"""Columns that are drawn from a table of quantiles, and the decimals they keep."""

BOUNCING: Final = ("none", "some", "all")
"""Bounce rate of zero, in between, at its ceiling: three behaviours that no single
distribution describes together."""
