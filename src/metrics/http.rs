//! As much of HTTP/1.1 as a scraper, a probe and a browser need: a request line in, one answer out,
//! then the connection ends.
//!
//! Invariant: headers are read past, bodies never read.

/// The longest head of a request.
pub const REQUEST_BYTES_MAX: usize = 8 * 1024;

/// What a request asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Page {
    /// Figures for Prometheus.
    Metrics,
    /// Whether the process lives.
    Health,
    /// Whether clients are served.
    Ready,
    /// The page for people.
    Home,
    /// The figures on it.
    Data,
}

/// A request whose head is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Request {
    pub page: Page,
    /// HEAD: the answer without its body.
    pub head_only: bool,
}

/// Reads a request from what has arrived; `None` while its head is not whole.
pub fn parse(bytes: &[u8]) -> Option<Result<Request, Status>> {
    let whole = bytes.windows(4).any(|end| end == b"\r\n\r\n");
    if !whole {
        return (bytes.len() >= REQUEST_BYTES_MAX).then_some(Err(Status::TooLarge));
    }
    let line = bytes.split(|byte| *byte == b'\r').next().unwrap_or_default();
    Some(request(line))
}

fn request(line: &[u8]) -> Result<Request, Status> {
    let words: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
    let [method, target, version] = words[..] else { return Err(Status::BadRequest) };
    if !version.starts_with(b"HTTP/1.") {
        return Err(Status::BadRequest);
    }
    let head_only = match method {
        b"GET" => false,
        b"HEAD" => true,
        _ => return Err(Status::MethodNotAllowed),
    };
    let path = target.split(|byte| *byte == b'?').next().unwrap_or_default();
    let page = match path {
        b"/metrics" => Page::Metrics,
        b"/healthz" => Page::Health,
        b"/readyz" => Page::Ready,
        b"/" => Page::Home,
        b"/data.json" => Page::Data,
        _ => return Err(Status::NotFound),
    };
    Ok(Request { page, head_only })
}

/// How a request was answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    Ok,
    BadRequest,
    NotFound,
    MethodNotAllowed,
    TooLarge,
    Unavailable,
}

impl Status {
    /// Code and words, as the first line has them.
    pub fn text(self) -> &'static str {
        match self {
            Status::Ok => "200 OK",
            Status::BadRequest => "400 Bad Request",
            Status::NotFound => "404 Not Found",
            Status::MethodNotAllowed => "405 Method Not Allowed",
            Status::TooLarge => "431 Request Header Fields Too Large",
            Status::Unavailable => "503 Service Unavailable",
        }
    }
}

/// What a body is.
#[derive(Clone, Copy, Debug)]
pub enum Content {
    Text,
    /// The text format of Prometheus.
    Metrics,
    Html,
    Json,
}

impl Content {
    fn name(self) -> &'static str {
        match self {
            Content::Text => "text/plain; charset=utf-8",
            Content::Metrics => "text/plain; version=0.0.4; charset=utf-8",
            Content::Html => "text/html; charset=utf-8",
            Content::Json => "application/json",
        }
    }
}

/// A whole answer. The page may load nothing from elsewhere, and nobody may keep or frame it.
pub fn answer(status: Status, content: Content, body: &str, head_only: bool) -> Vec<u8> {
    let (status, content, len) = (status.text(), content.name(), body.len());
    let mut answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {content}\r\nContent-Length: {len}\r\n\
         Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n\
         Content-Security-Policy: default-src 'none'; connect-src 'self'; img-src data:; \
         style-src 'unsafe-inline'; script-src 'unsafe-inline'; frame-ancestors 'none'\r\n\
         Connection: close\r\n\r\n"
    );
    if !head_only {
        answer.push_str(body);
    }
    answer.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(request: &str) -> Option<Result<Page, Status>> {
        parse(request.as_bytes()).map(|parsed| parsed.map(|request| request.page))
    }

    #[test]
    fn a_request_is_read_once_its_head_is_whole() {
        assert_eq!(page("GET /metrics HTTP/1.1\r\nHost: here\r\n"), None);
        assert_eq!(
            page("GET /metrics?x=1 HTTP/1.1\r\nHost: here\r\n\r\n"),
            Some(Ok(Page::Metrics))
        );
        let head = Request { page: Page::Home, head_only: true };
        assert_eq!(parse(b"HEAD / HTTP/1.0\r\n\r\n"), Some(Ok(head)));
    }

    #[test]
    fn what_is_no_request_is_told_so() {
        assert_eq!(page("*1\r\n$4\r\nPING\r\n\r\n"), Some(Err(Status::BadRequest)));
        assert_eq!(page("PRI * HTTP/2.0\r\n\r\n"), Some(Err(Status::BadRequest)));
        assert_eq!(page("POST / HTTP/1.1\r\n\r\n"), Some(Err(Status::MethodNotAllowed)));
        assert_eq!(page("GET /key HTTP/1.1\r\n\r\n"), Some(Err(Status::NotFound)));
        assert_eq!(page(&"x".repeat(REQUEST_BYTES_MAX)), Some(Err(Status::TooLarge)));
    }
}
