"""What contrib/bench/bench is made of. Python 3 and its standard library, nothing else."""
