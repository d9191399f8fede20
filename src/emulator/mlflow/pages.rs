//! A list, page by page: a token is a place in it.

use base64ct::{Base64, Encoding as _};
use serde_json::{Value, json};

use super::answer::Refusal;
use super::asked::Asked;
use super::python;
use super::state::add_list;

/// As many of `all` as are asked for, under that name, and the token of the rest.
pub fn page(asked: &Asked, name: &str, all: Vec<Value>, usual: usize, most: usize) -> Result<Value, Refusal> {
    let size = match asked.said("max_results")? {
        None => usual,
        Some(text) => text.parse().ok().filter(|size| (1..=most).contains(size)).ok_or_else(|| {
            Refusal::invalid(format!("Invalid value \"{text}\" for parameter 'max_results' supplied: 1 to {most}"))
        })?,
    };
    let from = match asked.said("page_token")? {
        None => 0,
        Some(token) => offset(token).ok_or_else(|| Refusal::invalid("Invalid page token, could not base64-decode"))?,
    };
    let is_more = all.len().saturating_sub(from) > size;
    let mut answer = json!({});
    add_list(&mut answer, name, all.into_iter().skip(from).take(size).collect());
    if is_more {
        answer["next_page_token"] = json!(Base64::encode_string(&python::dumps(&json!({ "offset": from + size }))));
    }
    Ok(answer)
}

fn offset(token: &str) -> Option<usize> {
    let bytes = Base64::decode_vec(token).ok()?;
    let token: Value = serde_json::from_slice(&bytes).ok()?;
    token["offset"].as_u64().and_then(|offset| offset.try_into().ok())
}
