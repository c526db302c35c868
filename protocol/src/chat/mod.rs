//! Sending, receiving, order, history, unread counts, the outbox.
