"""A synthetic sample of shopping sessions that behaves like the public data set.

The sample makes the project run before anything is downloaded. It imitates the
statistics of "Online Shoppers Purchasing Intention" (C. O. Sakar and Y. Kastro,
2018, UCI Machine Learning Repository, doi:10.24432/C5F88Q, CC BY 4.0) that are
written down in ``targets.json``; no session is copied from that data set.
"""
