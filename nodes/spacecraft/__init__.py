"""What a node is besides its radio: power, heat, radiation. Pure machines; `nodes.spacecraft.supply` is what loads see."""
