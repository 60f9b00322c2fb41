"""`facelift doctor` and its checks."""
