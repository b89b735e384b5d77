"""How files are read and written: strictly, whole, and without trusting a pickle."""
