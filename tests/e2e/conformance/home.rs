//! The server that a row talks to, and its time.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use riverrun_conformance::Row;

use crate::support::{Data, Server};

#[derive(Debug)]
pub enum Home<'a> {
    Shared(&'a Server),
    /// It will be killed. `None` only while it is.
    Own {
        data: Data,
        arguments: &'a [&'a str],
        server: Option<Server>,
    },
}

impl<'a> Home<'a> {
    /// Rows that kill their server have one of their own, started with these arguments.
    pub fn new(row: &Row, shared: &'a Server, arguments: &'a [&'a str]) -> Self {
        if !row.needs.restart {
            return Self::Shared(shared);
        }
        let data = Data::new();
        let server = Some(data.serve(arguments));
        Self::Own { data, arguments, server }
    }

    pub fn server(&self) -> &Server {
        match self {
            Self::Shared(server) => server,
            Self::Own { server, .. } => server.as_ref().expect("it runs"),
        }
    }

    pub fn is_own(&self) -> bool {
        matches!(self, Self::Own { .. })
    }

    /// kill -9.
    pub fn restart(&mut self) {
        let Self::Own { data, arguments, server } = self else { panic!("a row that kills its server says so") };
        server.take().expect("it runs").kill();
        *server = Some(data.serve(arguments));
    }
}

pub fn wall_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.expect("a clock after 1970").as_millis() as u64
}

pub fn wait(time: Duration) {
    let end = Instant::now() + time;
    while let Some(left) = end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
        std::thread::park_timeout(left);
    }
}
