"""What one box does for others that cannot be reached: registrations, channels, announcements."""
