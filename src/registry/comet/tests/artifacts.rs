use super::*;
use crate::registry::{ArtifactSource, ArtifactStep, Location};

fn found(answer: &str) -> ArtifactStep {
    let event = event(r#"{"workspaceName":"acme","modelName":"fraud","version":"1","stages":["Production"]}"#);
    let ArtifactStep::Send(request) = Registry::Comet(Comet::default()).artifacts(&event, &[]) else {
        panic!("nothing is asked")
    };
    let asked =
        "GET /api/rest/v2/registry-model/item/download-instructions?workspaceName=acme&modelName=fraud&version=1";
    assert_eq!(request.to_string(), asked);
    Registry::Comet(Comet::default()).artifacts(&event, &[Exchange::new(request, 200, answer.to_owned())])
}

/// Name, extension and place of the one file.
fn check(asset: &str, signed: bool, expected: Option<(&str, Option<&str>, Location)>) {
    let step = found(&format!(r#"{{"versions":[{{"assets":[{asset}]}}],"s3DownloadEnabled":{signed}}}"#));
    match (step, expected) {
        (ArtifactStep::Found(sources), Some((name, extension, location))) => {
            let expected = ArtifactSource::new(name, extension.map(str::to_owned), location);
            assert_eq!(sources, [expected], "{asset}");
        }
        (ArtifactStep::Refused(_), None) => {}
        (step, expected) => panic!("{asset}: {step:?} is not {expected:?}"),
    }
}

#[test]
fn a_file_is_where_the_client_would_get_it() {
    let url = |text: &str| Location::Url(text.to_owned());
    let own = "/api/rest/v2/experiment/asset/get-asset?assetId=a%261&experimentKey=e1&allow301=false";
    let kept = r#"{"fileName":"dir/model.pkl","assetId":"a&1","remote":false,"experimentKey":"e1","s3Link":"https://s3.example.com/x?sig=1"}"#;
    check(kept, false, Some(("dir/model.pkl", Some("pkl"), Location::Own(own.to_owned()))));
    check(kept, true, Some(("dir/model.pkl", Some("pkl"), url("https://s3.example.com/x?sig=1"))));
    let linked =
        r#"{"fileName":"model","assetId":"a&1","link":"https://c.example.com/get?assetId=a&experimentKey=e1"}"#;
    check(linked, false, Some(("model", None, Location::Own(own.to_owned()))));
    let remote = r#"{"fileName":"m.bin","assetId":"a","remote":true,"link":"s3://bucket/m.bin","experimentKey":"e1"}"#;
    check(remote, true, Some(("m.bin", Some("bin"), Location::Path("s3://bucket/m.bin".into()))));
}

#[test]
fn a_file_that_is_nowhere_is_not_left_out() {
    check(r#"{"fileName":"m","assetId":"a"}"#, false, None);
    check(r#"{"fileName":"m","assetId":"a","link":"https://c.example.com/?experimentKey=e%2F1"}"#, false, None);
    check(r#"{"fileName":"m","assetId":"a","experimentKey":"e1"}"#, true, None);
    check(r#"{"fileName":"m","assetId":"a","experimentKey":"e1","remote":true}"#, false, None);
    check(r#"{"assetId":"a","experimentKey":"e1"}"#, false, None);
    for empty in [r#"{"versions":[]}"#, r#"{"versions":[{"assets":[]}]}"#] {
        assert!(matches!(found(empty), ArtifactStep::Refused(reason) if reason.contains("has no files")));
    }
    assert!(matches!(found("<html>"), ArtifactStep::Retry(_)));
}
