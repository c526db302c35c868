//! Both directions of the WebSocket under one name.

pub use super::event::{ErrorCode, ServerEvent};
pub use super::frame::{ClientFrame, FrameError};
