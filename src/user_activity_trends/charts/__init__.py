"""Figures from the tables: plain functions, without Kedro."""
