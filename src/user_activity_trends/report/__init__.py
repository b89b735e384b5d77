"""The page that shows all results: its text, its tables, its template."""
