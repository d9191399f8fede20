//! A real HTTP server on loopback that answers from a script, one connection for each answer.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use tokio::sync::mpsc;

/// What to answer a request with.
pub enum Reply {
    /// These bytes.
    Says(String),
    /// Nothing, until the client goes away.
    Silence,
}

/// A request as it came.
#[derive(Debug)]
pub struct Asked {
    /// `GET /path`.
    pub request: String,
    /// In order, names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}

/// The server. It refuses connections once its script is over.
pub struct Script {
    pub address: SocketAddr,
    asked: mpsc::UnboundedReceiver<Asked>,
}

impl Script {
    pub fn new(replies: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (ask, asked) = mpsc::unbounded_channel();
        let replies: Vec<Reply> = replies.into_iter().collect();
        thread::spawn(move || {
            for reply in replies {
                let (stream, _) = listener.accept().unwrap();
                serve(&stream, &reply, &ask);
            }
        });
        Self { address, asked }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The next request, waited for.
    pub async fn asked(&mut self) -> Asked {
        self.asked.recv().await.expect("the script is over and nobody asked")
    }

    /// What was asked and not looked at. A request stands here before its answer is sent.
    pub fn rest(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.asked.try_recv().ok()).map(|asked| asked.request).collect()
    }
}

/// An answer with these further header lines, each ended by `\r\n`.
pub fn answer(status: u16, headers: &str, body: &str) -> Reply {
    let length = body.len();
    Reply::Says(format!(
        "HTTP/1.1 {status} Scripted\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n{body}"
    ))
}

fn serve(mut stream: &TcpStream, reply: &Reply, ask: &mpsc::UnboundedSender<Asked>) {
    let mut reader = BufReader::new(stream);
    let mut line = || {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    };
    let request = line().trim_end_matches(" HTTP/1.1").to_owned();
    let headers: Vec<(String, String)> = std::iter::from_fn(|| Some(line()).filter(|line| !line.is_empty()))
        .map(|line| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned())).unwrap())
        .collect();
    let length =
        headers.iter().find(|(name, _)| name == "content-length").map_or(0, |(_, value)| value.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    // Nobody reads it where a test looks at the answer only.
    let _ = ask.send(Asked { request, headers, body: String::from_utf8(body).unwrap() });
    // The client may go away in the middle of either.
    let _ = match reply {
        Reply::Says(text) => stream.write_all(text.as_bytes()).map(|()| 0),
        Reply::Silence => reader.read_to_end(&mut Vec::new()),
    };
}
