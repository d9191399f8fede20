//! Sends a number of prepared requests, each once, and waits for every answer.

use std::fs;
use std::io::{BufRead, BufReader, Error, Read, Result, Write};
use std::net::TcpStream;
use std::path::Path;
use std::thread;
use std::time::Instant;

/// Says how many were answered 202, and how many seconds it took.
pub fn send(address: &str, file: &Path, length: usize, count: usize, connections: usize) -> Result<()> {
    let bytes = fs::read(file)?;
    let requests: Vec<&[u8]> = bytes.chunks_exact(length).take(count).collect();
    let share = requests.len().div_ceil(connections).max(1);
    let begun = Instant::now();
    let accepted = thread::scope(|scope| {
        let threads: Vec<_> = requests.chunks(share).map(|part| scope.spawn(move || post(address, part))).collect();
        threads.into_iter().map(|thread| thread.join().map_err(|_| Error::other("a thread died"))?).sum::<Result<u64>>()
    })?;
    println!("{accepted} {}", begun.elapsed().as_secs_f64());
    Ok(())
}

fn post(address: &str, requests: &[&[u8]]) -> Result<u64> {
    let mut connection = BufReader::new(TcpStream::connect(address)?);
    connection.get_ref().set_nodelay(true)?;
    let mut accepted = 0;
    for request in requests {
        connection.get_mut().write_all(request)?;
        accepted += u64::from(answer(&mut connection)? == 202);
    }
    Ok(accepted)
}

/// The status of the next answer, which is read to its end.
fn answer(connection: &mut BufReader<TcpStream>) -> Result<u16> {
    let mut line = String::new();
    connection.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
    let mut length = 0;
    loop {
        line.clear();
        connection.read_line(&mut line)?;
        let Some((name, value)) = line.split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    connection.read_exact(&mut vec![0; length])?;
    Ok(status)
}
