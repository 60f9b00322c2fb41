"""What executes jobs: reads and proves the image, delivers it, records the outcome.

Producers never import this package.
"""
