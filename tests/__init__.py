"""The tests of dojobber, its benchmarks and the movie night."""
