"""The cost of proving an image whole, beside decoding it, and the cost of fitting one."""
