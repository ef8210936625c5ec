"""What a node is besides its radio: power, heat, radiation. `supply` is what loads see of it."""
