"""Sessions of one user behind one another: what earlier ones say about the current one."""
