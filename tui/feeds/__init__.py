"""What happens outside the screen's thread, told to it by messages: searching, inspecting, watching, exporting."""
