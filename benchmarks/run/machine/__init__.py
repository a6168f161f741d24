"""What the machine does by itself: its noise floor, its sensors, its peak, and a process's memory."""
