//! H.264 access units into RTP payloads (RFC 6184, packetization mode 1).
