//! Size limits of requests.

use actix_web::{
    ResponseError as _,
    error::{InternalError, UrlencodedError},
    http::{
        Method, StatusCode,
        header::{self, HeaderMap, HeaderValue},
    },
    web::{self, ServiceConfig},
};

use crate::web::problem::Problem;

use super::{bodies::timeout_message, is_frame, is_upload};

#[derive(Debug)]
pub(super) struct SizeLimits {
    /// Names and values of all headers, in bytes.
    pub header_bytes: usize,
    pub body_bytes: usize,
    /// Of the body of a file for a question.
    pub upload_bytes: usize,
    /// Of the body that is a frame of a client.
    pub frame_bytes: usize,
}

impl SizeLimits {
    /// Limits the bodies that handlers read, also those without a `Content-Length`.
    pub(super) fn configure(&self, config: &mut ServiceConfig) {
        let form = web::FormConfig::default().limit(self.body_bytes).error_handler(|error, _| {
            let timeout = match &error {
                UrlencodedError::Payload(cause) => timeout_message(cause),
                _ => None,
            };
            let problem = match timeout {
                Some(message) => Problem::new(StatusCode::REQUEST_TIMEOUT, message),
                None => Problem::new(error.status_code(), error.to_string()),
            };
            InternalError::from_response(error, problem.error_response()).into()
        });
        config.app_data(form).app_data(web::PayloadConfig::new(self.body_bytes));
    }

    /// Checks what the headers of a request say.
    pub(super) fn check(
        &self,
        headers: &HeaderMap,
        method: &Method,
        path: &str,
    ) -> Result<(), Problem> {
        let bytes: usize =
            headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
        if bytes > self.header_bytes {
            let detail =
                format!("The headers have {bytes} bytes; the limit is {}.", self.header_bytes);
            return Err(Problem::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, detail));
        }
        let is_plain = |coding: &HeaderValue| coding.as_bytes().eq_ignore_ascii_case(b"identity");
        if !headers.get_all(header::CONTENT_ENCODING).all(is_plain) {
            // A few compressed bytes can expand to any number before the first is counted.
            let detail = "Compressed bodies are not accepted; send the body uncompressed.";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
        }
        let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
        // The HTTP parser has refused lengths that are no numbers.
        let length: u64 = length.and_then(|length| length.parse().ok()).unwrap_or(0);
        let most = match method {
            _ if is_upload(method, path) => self.upload_bytes,
            _ if is_frame(method, path) => self.frame_bytes,
            _ => self.body_bytes,
        };
        if length > u64::try_from(most).unwrap_or(u64::MAX) {
            let detail = format!("The body has {length} bytes; the limit is {most}.");
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail));
        }
        Ok(())
    }
}
