//! What the kernel knows of this process, under the names that everybody's dashboards have for it.

use std::fmt::Error;
use std::fs;
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};
use scanrelay::Timestamp;

use super::seconds;

#[derive(Debug)]
pub(super) struct Process {
    pub(super) started: Timestamp,
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let time = clock_gettime(ClockId::ProcessCPUTime);
        let spent = Duration::from_secs(u64::try_from(time.tv_sec).unwrap_or_default())
            + Duration::from_nanos(u64::try_from(time.tv_nsec).unwrap_or_default());
        let cpu = encoder.encode_descriptor(
            "process_cpu_seconds",
            "Processor time of the daemon, without plugins",
            None,
            MetricType::Counter,
        )?;
        ConstCounter::new(spent.as_secs_f64()).encode(cpu)?;
        let mut gauge = |name: &str, help: &str, value: Option<f64>| match value {
            Some(value) => {
                ConstGauge::new(value).encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)
            }
            None => Ok(()),
        };
        gauge("process_resident_memory_bytes", "Memory of the daemon, without plugins", resident())?;
        gauge("process_open_fds", "Open descriptors", open_descriptors())?;
        let most = getrlimit(Resource::Nofile).current.map(|most| f64::from(u32::try_from(most).unwrap_or(u32::MAX)));
        gauge("process_max_fds", "How many descriptors may be open", most)?;
        gauge("process_start_time_seconds", "When the daemon started", Some(seconds(self.started)))
    }
}

fn resident() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u32 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(f64::from(kibibytes) * 1024.0)
}

/// Without the one that counts them.
fn open_descriptors() -> Option<f64> {
    let open = fs::read_dir("/proc/self/fd").ok()?.count().saturating_sub(1);
    Some(f64::from(u32::try_from(open).ok()?))
}
