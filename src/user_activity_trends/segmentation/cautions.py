"""What to be careful about with the segments that were chosen."""
