//! What the store counted itself.

use std::fmt::Error;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;

use crate::daemon::store::Counts;

#[derive(Debug)]
pub(super) struct Stored(pub(super) Arc<Counts>);

impl Collector for Stored {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let counts = &self.0;
        let help = "Verdicts that were reached";
        let mut verdicts = encoder.encode_descriptor("scanrelay_verdicts", help, None, MetricType::Counter)?;
        for (verdict, reached) in counts.verdicts() {
            let label = [("verdict", verdict.to_string())];
            ConstCounter::new(reached).encode(verdicts.encode_family(&label)?)?;
        }
        let help = "Writes that share one commit";
        let mut batches =
            encoder.encode_descriptor("scanrelay_commit_batch_size", help, None, MetricType::Histogram)?;
        let sizes: Vec<(f64, u64)> =
            counts.batches().map(|(most, batches)| (most.map_or(f64::INFINITY, f64::from), batches)).collect();
        let commits = sizes.iter().map(|(_, batches)| batches).sum();
        #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53 members")]
        let members = counts.members() as f64;
        batches.encode_histogram::<NoLabelSet>(members, commits, &sizes, None)
    }
}
