//! Signed deliveries as they stand on the wire.

use std::fs::File;
use std::io::{BufWriter, Result, Write};
use std::path::Path;

use scanrelay::{Scheme, Secret, Timestamp, Verifier};
use serde_json::json;

use crate::SECRET;

/// Bytes of a body.
const BODY: usize = 1024;

/// Writes `count` requests for a scan, of as many builds. Those of another `run` are others, so that none is a duplicate.
/// Says how long one is.
pub fn write(file: &Path, count: u64, run: u64) -> Result<()> {
    let verifier = verifier()?;
    let mut file = BufWriter::new(File::create(file)?);
    let mut length = 0;
    for number in 0..count {
        let request = request(&verifier, run * 10_000_000 + number)?;
        length = request.len();
        file.write_all(&request)?;
    }
    file.flush()?;
    println!("{length}");
    Ok(())
}

pub fn verifier() -> Result<Verifier> {
    let secret = Secret::new(SECRET).map_err(std::io::Error::other)?;
    Verifier::new(Scheme::github(), vec![secret], Verifier::DEFAULT_TOLERANCE).map_err(std::io::Error::other)
}

fn request(verifier: &Verifier, number: u64) -> Result<Vec<u8>> {
    let body = body(number);
    let signed = verifier.sign(None, Timestamp::default(), &body).map_err(std::io::Error::other)?;
    let mut request = format!(
        "POST /hooks/verta HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: {}\r\n",
        body.len()
    )
    .into_bytes();
    for (name, value) in signed {
        write!(request, "{name}: {value}\r\n")?;
    }
    request.extend_from_slice(b"\r\n");
    request.extend_from_slice(&body);
    Ok(request)
}

fn body(number: u64) -> Vec<u8> {
    let event = |description: &str| {
        json!({
            "event_uuid": format!("5f1de9a0-0000-4000-8000-{number:012}"),
            "event_type": "REQUEST_SCAN",
            "workspace_id": "42",
            "timestamp": "1669852800000",
            "resource_type": { "deployment_service_resource_type": "BUILD" },
            "new_entity": {
                "entity_workspace_id": "42",
                "description": description,
                "scan_request": {
                    "buildId": format!("{:012}", number + 100_000_000_000_u64),
                    "imageUrl": "registry.example.com/models/churn/build:latest",
                },
            },
        })
        .to_string()
        .into_bytes()
    };
    let bare = event("").len();
    event(&"what the build is for ".chars().cycle().take(BODY - bare).collect::<String>())
}
