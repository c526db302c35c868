//! An HTTP exchange without the transport.

use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;

use super::answer::ErrorAnswer;
use super::json;

pub use super::request::Request;
pub use super::route::{Access, Route};

/// The content type of the base API's bodies.
pub const JSON: &str = "application/json";
/// The content type of the log's bodies.
pub const CBOR: &str = "application/cbor";
/// The content type of `/health`.
pub const TEXT: &str = "text/plain; charset=utf-8";

/// A request's method, as far as the API uses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Method {
    /// `DELETE`
    Delete,
    /// `GET`
    Get,
    /// `PATCH`
    Patch,
    /// `POST`
    Post,
}

impl Method {
    /// Reads a method. Any other than these four is wrong everywhere.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Delete, Self::Get, Self::Patch, Self::Post]
            .into_iter()
            .find(|method| method.as_str() == name)
    }

    /// The method's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Delete => "DELETE",
            Self::Get => "GET",
            Self::Patch => "PATCH",
            Self::Post => "POST",
        }
    }
}

/// A request as a client sends it: [`Request::to_call`] makes it. Authorisation is the link's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpCall {
    /// The method.
    pub method: Method,
    /// The path with its query.
    pub path_and_query: String,
    /// The body's content type, where there is a body.
    pub content_type: Option<&'static str>,
    /// The body.
    pub body: Vec<u8>,
}

/// What the server answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The body's content type, where there is a body.
    pub content_type: Option<&'static str>,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    /// A status alone.
    #[must_use]
    pub const fn empty(status: u16) -> Self {
        Self {
            status,
            content_type: None,
            body: Vec::new(),
        }
    }

    /// A JSON body.
    #[must_use]
    pub fn json(status: u16, body: &impl Serialize) -> Self {
        Self {
            status,
            content_type: Some(JSON),
            body: json::write_response(body),
        }
    }

    /// A CBOR body.
    #[must_use]
    pub fn cbor(status: u16, body: Vec<u8>) -> Self {
        Self {
            status,
            content_type: Some(CBOR),
            body,
        }
    }

    /// A plain text.
    #[must_use]
    pub fn text(status: u16, body: &str) -> Self {
        Self {
            status,
            content_type: Some(TEXT),
            body: body.into(),
        }
    }

    /// A refusal in the base API's shape: `{"error": "<text>"}`.
    #[must_use]
    pub fn error(status: u16, text: impl Into<String>) -> Self {
        Self::json(status, &ErrorAnswer { error: text.into() })
    }
}
