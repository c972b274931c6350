"""What the scenario tests are written with; see ../README.md."""
