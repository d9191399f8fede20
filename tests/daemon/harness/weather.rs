//! A registry's weather: a server in front of it that passes requests on, late or never, or answers in its place.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// What meets a request.
#[derive(Clone)]
pub enum Weather {
    Fine,
    /// The connection is reset as soon as it asks for something.
    Down,
    /// It is passed on after that time, whether anybody still waits or not.
    Slow(Duration),
    /// It is passed on, and the connection is reset in the middle of the answer.
    BreaksOff,
    /// It is not passed on; this is answered: status, header lines each ended by `\r\n`, body.
    Says(u16, &'static str, &'static str),
}

/// The registry behind it.
pub struct Weathered {
    pub url: String,
    shared: Arc<Shared>,
}

struct Shared {
    registry: String,
    weather: Mutex<Weather>,
    asked: Mutex<Vec<(Instant, String)>>,
}

impl Weathered {
    /// In front of the registry at that URL.
    pub fn new(registry: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address: SocketAddr = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            registry: registry.strip_prefix("http://").unwrap().to_owned(),
            weather: Mutex::new(Weather::Fine),
            asked: Mutex::default(),
        });
        let serving = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let shared = Arc::clone(&serving);
                // The client may go away in the middle of it.
                thread::spawn(move || shared.serve(&stream).ok());
            }
        });
        Self { url: format!("http://{address}"), shared }
    }

    pub fn turns(&self, weather: Weather) {
        *self.shared.weather.lock().unwrap() = weather;
    }

    /// What was asked, and when: `PUT /path`.
    pub fn asked(&self) -> Vec<(Instant, String)> {
        self.shared.asked.lock().unwrap().clone()
    }
}

impl Shared {
    fn serve(&self, mut stream: &TcpStream) -> std::io::Result<()> {
        let request = read_request(stream)?;
        let first = request.lines().next().unwrap_or_default();
        let line = first.strip_suffix(" HTTP/1.1").unwrap_or(first).to_owned();
        let weather = self.weather.lock().unwrap().clone();
        self.asked.lock().unwrap().push((Instant::now(), line));
        match weather {
            Weather::Fine => stream.write_all(&self.pass_on(&request)?),
            Weather::Down => reset(stream),
            Weather::Slow(wait) => {
                thread::sleep(wait);
                stream.write_all(&self.pass_on(&request)?)
            }
            Weather::BreaksOff => {
                let answer = self.pass_on(&request)?;
                stream.write_all(&answer[..answer.len() - answer.len() / 8 - 1])?;
                reset(stream)
            }
            Weather::Says(status, headers, body) => {
                let length = body.len();
                let head = format!("HTTP/1.1 {status} Weather\r\nContent-Length: {length}\r\nConnection: close\r\n");
                stream.write_all(format!("{head}{headers}\r\n{body}").as_bytes())
            }
        }
    }

    /// The registry's whole answer.
    fn pass_on(&self, request: &str) -> std::io::Result<Vec<u8>> {
        let mut registry = TcpStream::connect(&self.registry)?;
        registry.write_all(request.replacen("\r\n", "\r\nConnection: close\r\n", 1).as_bytes())?;
        let mut answer = Vec::new();
        registry.read_to_end(&mut answer)?;
        Ok(answer)
    }
}

fn read_request(stream: &TcpStream) -> std::io::Result<String> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    let lower = head.to_lowercase();
    let length = lower.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    reader.read_exact(&mut body)?;
    Ok(head + &String::from_utf8_lossy(&body))
}

/// Without lingering, a close is a reset.
fn reset(stream: &TcpStream) -> std::io::Result<()> {
    Ok(rustix::net::sockopt::set_socket_linger(stream, Some(Duration::ZERO))?)
}
