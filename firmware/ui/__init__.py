"""What a person sees on the OLED and hears in the earpiece."""
