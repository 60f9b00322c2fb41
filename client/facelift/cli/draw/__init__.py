"""What people see: records, the pool and tables, drawn by rich."""
