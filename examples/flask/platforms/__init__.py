"""Story three: a switch between platforms, whose sessions moved from a table to a cookie."""
