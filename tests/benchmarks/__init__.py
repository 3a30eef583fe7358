"""What `make bench` measures. Figures are for reading; nothing here fails a test because a machine is slow."""
