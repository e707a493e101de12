"""Port mapping: asks the router to let the world in, and believes nothing that was not tried."""
