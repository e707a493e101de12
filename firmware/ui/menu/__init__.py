"""The menu: phone book, calls and rules on the OLED, with twelve keys."""
