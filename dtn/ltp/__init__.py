"""LTP, the Licklider Transmission Protocol (RFC 5326): red blocks arrive whole, whatever the light time."""
