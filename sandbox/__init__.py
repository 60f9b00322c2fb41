"""A whole Facelift world on one machine, with no outside service.

The stand-in of the endpoint, an embedded Redis, sample images and the demo.
The tests and the benchmarks use the same parts.
"""
