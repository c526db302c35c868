//! Connections that carry sound: ICE, DTLS-SRTP and relays, without any socket of their own.
