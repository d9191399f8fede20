//! The kinds of registries: how each usually signs, and what of its section is its own.

use scanrelay::Scheme;
use scanrelay::registry::Registry;

use super::given::Given;
use super::{comet, databricks, generic, github, huggingface, mlflow, verta, wandb};
use crate::daemon::config::error::Fault;

/// A kind of registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Verta,
    Comet,
    Mlflow,
    Databricks,
    HuggingFace,
    Wandb,
    GitHub,
    Generic,
}

/// Their words in the configuration, in the order in which messages name them.
const KINDS: [(&str, Kind); 8] = [
    ("verta", Kind::Verta),
    ("comet", Kind::Comet),
    ("mlflow", Kind::Mlflow),
    ("databricks", Kind::Databricks),
    ("huggingface", Kind::HuggingFace),
    ("wandb", Kind::Wandb),
    ("github", Kind::GitHub),
    ("generic", Kind::Generic),
];

/// The kind of that name.
pub(super) fn of(word: &str, key: &str) -> Result<Kind, Fault> {
    let known = || KINDS.map(|(name, _)| name).join(", ");
    let found = KINDS.iter().find(|(name, _)| *name == word);
    found
        .map(|(_, kind)| *kind)
        .ok_or_else(|| Fault::at(key, format!("{word:?} is no kind of registry: this version knows {}", known())))
}

impl Kind {
    /// How registries of this kind sign where the configuration says nothing else.
    pub(super) fn scheme(self) -> Scheme {
        match self {
            Self::Verta | Self::GitHub => Scheme::github(),
            Self::Comet => Scheme::token("Authorization"),
            Self::HuggingFace => Scheme::token("X-Webhook-Secret"),
            Self::Mlflow => Scheme::mlflow(),
            Self::Databricks => Scheme::databricks(),
            Self::Wandb => Scheme::wandb(),
            Self::Generic => Scheme::standard_webhooks(),
        }
    }

    /// Whether it has promotions and scan requests of its own, so that a rule is not needed to get one.
    pub(super) fn has_its_own(self) -> bool {
        self == Self::Verta
    }

    /// The registry, of its section.
    pub(super) fn registry(self, given: &mut Given<'_>) -> Result<Registry, Fault> {
        match self {
            Self::Verta => verta::verta(given),
            Self::Comet => comet::comet(given),
            Self::Mlflow => mlflow::mlflow(given),
            Self::Databricks => databricks::databricks(given),
            Self::HuggingFace => huggingface::huggingface(given),
            Self::Wandb => wandb::wandb(given),
            Self::GitHub => github::github(given),
            Self::Generic => generic::generic(given),
        }
    }
}
