//! Sound as pure functions of samples and time: what is heard is made ready to be sent, and what comes to be heard.
