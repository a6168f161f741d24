"""Line sets: made, converted and measured."""
