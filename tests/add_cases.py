"""add_cases.py FILE   Prints how many cases the proofs of a test run have compared: the sum of what tests/cases.h wrote."""
import pathlib
import sys

file = pathlib.Path(sys.argv[1])
if file.exists():
    counts = [int(line.split()[1]) for line in file.read_text().splitlines()]
    print(f"\n{sum(counts):,} cases compared by {len(counts)} proofs of rounding")
