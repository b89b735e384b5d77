"""What a table of sessions must look like, and which of its rows can be trusted."""
