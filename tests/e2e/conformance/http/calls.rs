//! Requests as HTTP has them (`s2-semantics.md` H2 to H4).

use std::fmt::Write;
use std::net::TcpStream;

use prost::Message;
use riverrun_protocol::request::{ReadParams, ReadStart, Request, StreamRef};
use riverrun_protocol::response::Response;
use riverrun_protocol::types::{BasinName, RequestToken, StreamName};
use serde_json::{Value, json};

use super::messages::AppendInput;
use super::{Tongue, answers, configs, records, scopes};
use crate::http::client::{Answer, Http};

const PROTOBUF: &str = "application/protobuf";

/// What an answer that is no error says.
pub type Reader = fn(&Answer) -> Response;

/// One request on its way.
#[derive(Debug)]
pub struct Call {
    method: &'static str,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    pub reader: Reader,
}

impl Call {
    fn new(method: &'static str, path: impl Into<String>, reader: Reader) -> Self {
        Self { method, path: path.into(), headers: Vec::new(), body: Vec::new(), reader }
    }

    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    fn basin(self, basin: &BasinName) -> Self {
        self.with("s2-basin", basin.as_str())
    }

    fn token(self, token: Option<&RequestToken>) -> Self {
        match token {
            Some(token) => self.with("s2-request-token", token.as_str()),
            None => self,
        }
    }

    fn json(mut self, body: &Value) -> Self {
        self.body = body.to_string().into_bytes();
        self.with("content-type", "application/json")
    }

    pub fn send(&self, http: &Http) -> TcpStream {
        let http = self.headers.iter().fold(http.clone(), |http, (name, value)| http.with(name, value));
        http.begin(self.method, &self.path, &self.body)
    }
}

/// # Panics
/// For requests that HTTP does not have, and those of sessions.
pub fn of(request: &Request<'_>, tongue: Tongue) -> Call {
    basins(request)
        .or_else(|| streams(request))
        .or_else(|| about_records(request, tongue))
        .or_else(|| access_tokens(request))
        .unwrap_or_else(|| panic!("HTTP has no {:?}: rows that ask it need the binary protocol", request.kind()))
}

fn basins(request: &Request<'_>) -> Option<Call> {
    const BASINS: &str = "/v1/basins";
    let of = |basin: &BasinName| format!("{BASINS}/{basin}");
    Some(match request {
        Request::CreateBasin(create) => {
            let body = json!({"basin": create.basin.as_str(), "config": configs::basin(&create.config)});
            Call::new("POST", BASINS, answers::basin_created).token(create.request_token.as_ref()).json(&body)
        }
        Request::EnsureBasin(ensure) => {
            let body = json!({"config": configs::basin(&ensure.config)});
            Call::new("PUT", of(&ensure.basin), answers::basin_ensured).json(&body)
        }
        Request::ListBasins(list) => {
            Call::new("GET", listing(BASINS, &list.prefix, &list.start_after, list.limit), answers::basins)
        }
        Request::GetBasinConfig(basin) => Call::new("GET", of(basin), answers::basin_config),
        Request::ReconfigureBasin(reconfigure) => {
            let body = configs::basin_patch(&reconfigure.patch);
            Call::new("PATCH", of(&reconfigure.basin), answers::basin_config).json(&body)
        }
        Request::DeleteBasin(basin) => Call::new("DELETE", of(basin), answers::deletion_begun),
        _ => return None,
    })
}

fn streams(request: &Request<'_>) -> Option<Call> {
    const STREAMS: &str = "/v1/streams";
    Some(match request {
        Request::CreateStream(create) => {
            let body = json!({"stream": create.target.stream.as_str(), "config": configs::stream(&create.config)});
            let call = Call::new("POST", STREAMS, answers::stream_created).basin(&create.target.basin);
            call.token(create.request_token.as_ref()).json(&body)
        }
        Request::EnsureStream(ensure) => {
            about("PUT", &ensure.target, "", answers::stream_ensured).json(&configs::stream(&ensure.config))
        }
        Request::ListStreams(list) => {
            let path = listing(STREAMS, &list.prefix, &list.start_after, list.limit);
            Call::new("GET", path, answers::streams).basin(&list.basin)
        }
        Request::GetStreamConfig(target) => about("GET", target, "", answers::stream_config),
        Request::ReconfigureStream(reconfigure) => {
            let body = configs::stream_patch(&reconfigure.patch);
            about("PATCH", &reconfigure.target, "", answers::stream_config).json(&body)
        }
        Request::DeleteStream(target) => about("DELETE", target, "", answers::deletion_begun),
        _ => return None,
    })
}

fn about_records(request: &Request<'_>, tongue: Tongue) -> Option<Call> {
    Some(match request {
        Request::CheckTail(target) => about("GET", target, "/records/tail", answers::tail),
        Request::Append(append) => {
            let input = AppendInput::new(&append.conditions, append.batch);
            match tongue {
                Tongue::Protobuf => {
                    let call = about("POST", &append.target, "/records", answers::ack);
                    let call = call.with("content-type", PROTOBUF).with("accept", PROTOBUF);
                    Call { body: input.encode_to_vec(), ..call }
                }
                Tongue::Json => {
                    let call = about("POST", &append.target, "/records", answers::json_ack);
                    call.with("s2-format", "base64").json(&records::input(&input))
                }
            }
        }
        Request::Read(read) => {
            let call = match tongue {
                Tongue::Protobuf => about("GET", &read.target, "/records", answers::batch).with("accept", PROTOBUF),
                Tongue::Json => about("GET", &read.target, "/records", answers::json_batch).with("s2-format", "base64"),
            };
            Call { path: format!("{}{}", call.path, read_query(&read.params)), ..call }
        }
        _ => return None,
    })
}

fn access_tokens(request: &Request<'_>) -> Option<Call> {
    const TOKENS: &str = "/v1/access-tokens";
    Some(match request {
        Request::IssueAccessToken(issue) => {
            Call::new("POST", TOKENS, answers::token_issued).json(&scopes::issue(issue))
        }
        Request::ListAccessTokens(list) => {
            Call::new("GET", listing(TOKENS, &list.prefix, &list.start_after, list.limit), answers::tokens)
        }
        Request::RevokeAccessToken(id) => {
            Call::new("DELETE", format!("{TOKENS}/{}", encoded(id.as_str())), answers::revoked)
        }
        _ => return None,
    })
}

fn about(method: &'static str, target: &StreamRef, below: &str, reader: Reader) -> Call {
    Call::new(method, format!("{}{below}", stream_path(&target.stream)), reader).basin(&target.basin)
}

pub fn stream_path(stream: &StreamName) -> String {
    format!("/v1/streams/{}", encoded(stream.as_str()))
}

fn listing(path: &str, prefix: &str, start_after: &str, limit: u32) -> String {
    format!("{path}?prefix={}&start_after={}&limit={limit}", encoded(prefix), encoded(start_after))
}

pub fn read_query(params: &ReadParams) -> String {
    let (start, value) = match params.start {
        ReadStart::SeqNum(seq_num) => ("seq_num", seq_num),
        ReadStart::Timestamp(timestamp) => ("timestamp", timestamp),
        ReadStart::TailOffset(offset) => ("tail_offset", offset),
    };
    let clamp = if params.clamp { "&clamp=true" } else { "" };
    let wait = params.wait_secs.map(u64::from);
    let bounds = [("count", params.count), ("bytes", params.bytes), ("until", params.until), ("wait", wait)];
    bounds.into_iter().fold(format!("?{start}={value}{clamp}"), |query, (name, value)| match value {
        Some(value) => format!("{query}&{name}={value}"),
        None => query,
    })
}

/// What is not plainly safe is escaped, whatever a URL would let pass.
fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' => out.push(byte.into()),
            // Alone, two dots would be a way upwards.
            b'.' if text.len() > 2 => out.push('.'),
            _ => write!(out, "%{byte:02X}").expect("memory"),
        }
        out
    })
}
