//! The head of one HTTP/1.1 request (RFC 9112).
