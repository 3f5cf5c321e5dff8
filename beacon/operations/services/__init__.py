"""What services take, and what is done inside of them."""
