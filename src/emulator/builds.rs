//! Builds of model versions, and the scans of builds. Their ids are numbers, as in the deployment service's interface.

use serde_json::{Value, json};

use super::answer::{Answer, Fault};
use super::state::State;
use super::{id, text};

/// The number of the first build.
const FIRST: u64 = 5150;
const SCAN_STATUS: [&str; 4] = ["unscanned", "scanning", "scanned", "error"];
const SAFETY_STATUS: [&str; 3] = ["unknown", "safe", "unsafe"];

/// A build and its scan.
#[derive(Clone, Debug)]
pub(super) struct Build {
    version: u64,
    workspace: u64,
    image: String,
    external: bool,
    making: Making,
    created: i64,
    updated: i64,
    scan_external: bool,
    scan_status: &'static str,
    safety_status: &'static str,
    /// As it was put.
    results: Option<Value>,
    scan_updated: i64,
}

/// How far the build is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Making {
    Building,
    /// A scan was asked for meanwhile.
    BuildingForScan,
    Finished,
}

impl State {
    pub(super) fn create_build(&mut self, workspace: &str, body: &Value) -> Answer {
        let version = id(body, "model_version_id")?;
        self.find_version(&version.to_string())?;
        let external = text(body, "external_location");
        let workspace = self.workspace_id(workspace);
        let id = FIRST + self.builds.len() as u64;
        let now = self.now();
        let build = Build {
            version,
            workspace,
            making: if external.is_some() { Making::Finished } else { Making::Building },
            external: external.is_some(),
            image: external.unwrap_or_else(|| format!("registry.example.com/builds/{id}:latest")),
            created: now,
            updated: now,
            scan_external: false,
            scan_status: "unscanned",
            safety_status: "unknown",
            results: None,
            scan_updated: now,
        };
        self.builds.insert(id, build);
        self.show_build(&id.to_string())
    }

    pub(super) fn show_build(&self, build: &str) -> Answer {
        let (id, build) = self.find_build(build)?;
        let location = build.external.then_some(&build.image);
        Ok(json!({
            "id": id,
            "status": if build.making == Making::Finished { "finished" } else { "building" },
            "message": "",
            "date_created": date(build.created),
            "date_updated": date(build.updated),
            "location": build.image,
            "creator_request": {
                "model_version_id": build.version, "external_location": location, "scan_external": build.scan_external,
            },
            "scan_external_results": build.results,
        }))
    }

    /// The build is done; a scan that was asked for meanwhile is fired.
    pub(super) fn finish_build(&mut self, id: u64) {
        let now = self.now();
        let Some(build) = self.builds.get_mut(&id) else { return };
        build.updated = now;
        if std::mem::replace(&mut build.making, Making::Finished) == Making::BuildingForScan {
            self.fire_scan(id);
        }
    }

    /// Asks for a scan by somebody outside. What an earlier scan said does not stand for the new one.
    pub(super) fn request_scan(&mut self, build: &str, body: &Value) -> Answer {
        if body["scan_external"] != true {
            return Err(Fault::Unprocessable(
                "scan_external must be true: this registry has no scanner of its own".into(),
            ));
        }
        let (id, _) = self.find_build(build)?;
        let now = self.now();
        if let Some(build) = self.builds.get_mut(&id) {
            build.scan_external = true;
            build.scan_status = "unscanned";
            build.safety_status = "unknown";
            (build.results, build.scan_updated) = (None, now);
            match build.making {
                Making::Finished => self.fire_scan(id),
                Making::Building | Making::BuildingForScan => build.making = Making::BuildingForScan,
            }
        }
        self.scan(&id.to_string())
    }

    fn fire_scan(&mut self, id: u64) {
        let Some((workspace, image)) = self.builds.get(&id).map(|build| (build.workspace, build.image.clone())) else {
            return;
        };
        let request = json!({ "buildId": id.to_string(), "imageUrl": image });
        let entity = Self::entity("scan_request", request, workspace);
        self.fire("REQUEST_SCAN", workspace, "BUILD", None, entity);
    }

    /// Takes the result of an outside scan, under the key of either version of Verta's interface.
    pub(super) fn put_scan(&mut self, build: &str, body: &Value) -> Answer {
        let (id, _) = self.find_build(build)?;
        let status = one_of(body, "scan_status", &SCAN_STATUS)?;
        let results =
            [&body["scan_external_results"], &body["scan_external_status"]].into_iter().find(|v| v.is_object());
        let safety = results.map(|results| one_of(results, "safety_status", &SAFETY_STATUS)).transpose()?;
        if status == "scanned" && safety.is_none() {
            return Err(Fault::Unprocessable("scanned without scan_external_results.safety_status".to_owned()));
        }
        let now = self.now();
        if let Some(build) = self.builds.get_mut(&id) {
            (build.scan_status, build.scan_updated) = (status, now);
            build.safety_status = safety.unwrap_or("unknown");
            build.results = results.cloned();
        }
        self.scan(&id.to_string())
    }

    pub(super) fn scan(&self, build: &str) -> Answer {
        let (id, build) = self.find_build(build)?;
        Ok(json!({
            "id": id,
            "scan_status": build.scan_status,
            "safety_status": build.safety_status,
            "date_updated": date(build.scan_updated),
            "details": [],
            "creator_request": { "scan_external": build.scan_external },
            "scan_external_results": build.results,
        }))
    }

    fn find_build(&self, build: &str) -> Result<(u64, &Build), Fault> {
        let found = build.parse().ok().and_then(|id: u64| Some((id, self.builds.get(&id)?)));
        found.ok_or_else(|| Fault::NotFound(format!("there is no build {build}")))
    }
}

fn one_of(body: &Value, key: &str, known: &[&'static str]) -> Result<&'static str, Fault> {
    let found = known.iter().find(|word| body[key] == **word);
    found.copied().ok_or_else(|| Fault::Unprocessable(format!("{key} is one of {}", known.join(", "))))
}

/// `YYYY-MM-DDTHH:MM:SS.mmmZ`, as the deployment service writes times.
fn date(millis: i64) -> String {
    let (days, of_day) = (millis.div_euclid(86_400_000), millis.rem_euclid(86_400_000));
    // Years begin in March, so that the leap day is the last of one (proleptic Gregorian calendar).
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute, second) = (of_day / 3_600_000, of_day / 60_000 % 60, of_day / 1000 % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", of_day % 1000)
}

#[cfg(test)]
mod tests {
    use super::date;

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(date(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(date(1_669_852_800_123), "2022-12-01T00:00:00.123Z");
        assert_eq!(date(951_782_399_999), "2000-02-28T23:59:59.999Z");
        assert_eq!(date(1_709_164_800_000), "2024-02-29T00:00:00.000Z");
        assert_eq!(date(-1), "1969-12-31T23:59:59.999Z");
    }
}
