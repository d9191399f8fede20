//! Verta: who we are there, and what its documentation leaves open.

use scanrelay::registry::verta::{Credentials, Mask, WriteBack};
use scanrelay::registry::{Registry, Verta};

use super::Given;
use crate::daemon::config::error::Fault;
use crate::daemon::config::raw::RawWriteBack;

pub(super) fn verta(given: &mut Given<'_>) -> Result<Registry, Fault> {
    given.need_credentials(r#"{ email = "…", developer_key = { file = "PATH" } }"#)?;
    given.need_workspace("scans are reported under the workspace's name")?;
    let mut verta = Verta::default();
    verta.workspace = given.raw.workspace.take();
    if let Some(mut raw) = given.credentials(&["email", "developer_key", "organization"])? {
        let (email, developer_key) = (raw.text("email")?, raw.secret("developer_key")?);
        let mut credentials = Credentials::new(email, developer_key);
        credentials.organization = raw.optional_text("organization");
        verta.credentials = Some(credentials);
    }
    verta.write_back = write_back(&mut given.raw.write_back, &format!("{}.write_back", given.key))?;
    Ok(Registry::Verta(verta))
}

fn write_back(raw: &mut RawWriteBack, key: &str) -> Result<WriteBack, Fault> {
    let mut write_back = WriteBack::default();
    let method = |part: &str, given: Option<String>, known: &[&str], default: &mut String| match given {
        Some(word) if known.contains(&word.as_str()) => {
            *default = word;
            Ok(())
        }
        Some(word) => Err(Fault::at(format!("{key}.{part}"), format!("{word:?} is not one of {}", known.join(", ")))),
        None => Ok(()),
    };
    // POST on a build's scan would ask for another scan; PUT on a version would replace it whole.
    method("scan_method", raw.scan_method.take(), &["PUT", "PATCH"], &mut write_back.scan_method)?;
    method("redirect_method", raw.redirect_method.take(), &["PATCH", "POST"], &mut write_back.redirect_method)?;
    let mut path = "full_body".to_owned();
    method("redirect_path", raw.redirect_path.take(), &["full_body", "plain"], &mut path)?;
    write_back.masked = path == "full_body";
    let mut mask = "paths".to_owned();
    method("update_mask", raw.update_mask.take(), &["paths", "text"], &mut mask)?;
    write_back.mask = if mask == "paths" { Mask::Paths } else { Mask::Text };
    let words = std::mem::take(&mut raw.redirect_words);
    let texts = [
        (raw.scan_results_key.take(), &mut write_back.scan_results_key),
        (words.in_progress, &mut write_back.in_progress),
        (words.complete, &mut write_back.complete),
        (words.failed, &mut write_back.failed),
    ];
    for (given, default) in texts {
        if let Some(given) = given {
            *default = given;
        }
    }
    if let Some(redirect) = raw.redirect.take() {
        if !redirect.values().any(|text| text.contains("{status}")) {
            return Err(Fault::at(
                format!("{key}.redirect"),
                "no key says {status}: nobody could see how the promotion ended",
            ));
        }
        write_back.redirect = redirect;
    }
    Ok(write_back)
}
