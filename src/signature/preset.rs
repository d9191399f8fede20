//! Schemes that have a name.

use super::content::SignedContent;
use super::key::KeyForm;
use super::scheme::{HmacScheme, Scheme};
use super::writing::{Encoding, Form};

impl Scheme {
    /// The names that [`Scheme::preset`] knows.
    pub const PRESETS: [&str; 6] = ["github", "standard-webhooks", "svix", "mlflow", "databricks", "wandb"];

    /// The scheme of that name.
    ///
    /// ```
    /// use scanrelay::Scheme;
    ///
    /// assert_eq!(Scheme::preset("mlflow"), Some(Scheme::mlflow()));
    /// assert!(Scheme::PRESETS.iter().all(|name| Scheme::preset(name).unwrap().name() == *name));
    /// ```
    pub fn preset(name: &str) -> Option<Self> {
        match name {
            "github" => Some(Self::github()),
            "standard-webhooks" => Some(Self::standard_webhooks()),
            "svix" => Some(Self::svix()),
            "mlflow" => Some(Self::mlflow()),
            "databricks" => Some(Self::databricks()),
            "wandb" => Some(Self::wandb()),
            _ => None,
        }
    }

    /// `X-Hub-Signature-256: sha256=<hex>` over the body (GitHub, "Validating webhook deliveries"). The older
    /// `X-Hub-Signature`, of SHA-1, is not looked at.
    pub fn github() -> Self {
        let mut scheme = HmacScheme::new("X-Hub-Signature-256");
        scheme.name = "github".into();
        scheme.prefix = "sha256=".into();
        Self::Hmac(scheme)
    }

    /// Standard Webhooks 1.0.0: `webhook-id`, `webhook-timestamp`, `webhook-signature`. Symmetric (`v1`, a secret
    /// `whsec_…`) and with Ed25519 (`v1a`, a public key `whpk_…`).
    pub fn standard_webhooks() -> Self {
        Self::Hmac(standard("standard-webhooks", "webhook"))
    }

    /// Svix: Standard Webhooks under its own names, `svix-id`, `svix-timestamp`, `svix-signature`; a request that has none
    /// of them may have `webhook-…` instead, as Svix's libraries take it.
    pub fn svix() -> Self {
        let mut scheme = standard("svix", "svix");
        scheme.fallback = Some(Box::new(standard("svix", "webhook")));
        Self::Hmac(scheme)
    }

    /// MLflow 3.3 and later: `X-MLflow-Signature: v1,<base64>` over id, time and body, with the secret's bytes as the key
    /// (`mlflow/webhooks/delivery.py`).
    pub fn mlflow() -> Self {
        let mut scheme = timed("mlflow", ["X-MLflow-Delivery-Id", "X-MLflow-Timestamp", "X-MLflow-Signature"]);
        scheme.key = KeyForm::Raw;
        Self::Hmac(scheme)
    }

    /// `X-Databricks-Signature: <hex>` over the body (Databricks, "MLflow Model Registry Webhooks").
    pub fn databricks() -> Self {
        let mut scheme = HmacScheme::new("X-Databricks-Signature");
        scheme.name = "databricks".into();
        Self::Hmac(scheme)
    }

    /// `X-Wandb-Signature` over the body. Its documentation writes base64, receivers in the field saw hex, with and without
    /// `sha256=`: any of the three is taken. Who has seen which, takes a scheme of his own for that one.
    pub fn wandb() -> Self {
        let mut scheme = HmacScheme::new("X-Wandb-Signature");
        scheme.name = "wandb".into();
        scheme.encoding = Encoding::Base64;
        scheme.also = vec![Form::new("", Encoding::Hex), Form::new("sha256=", Encoding::Hex)];
        Self::Hmac(scheme)
    }
}

fn standard(name: &str, prefix: &str) -> HmacScheme {
    let header = |word: &str| format!("{prefix}-{word}");
    let mut scheme = timed(name, [&header("id"), &header("timestamp"), &header("signature")]);
    scheme.separator = Some(' ');
    scheme.ed25519_prefix = Some("v1a,".into());
    scheme.key = KeyForm::Whsec;
    scheme
}

/// Over id, time and body.
fn timed(name: &str, [id, timestamp, signature]: [&str; 3]) -> HmacScheme {
    let mut scheme = HmacScheme::new(signature);
    name.clone_into(&mut scheme.name);
    scheme.prefix = "v1,".into();
    scheme.encoding = Encoding::Base64;
    scheme.id_header = Some(id.to_owned());
    scheme.timestamp_header = Some(timestamp.to_owned());
    scheme.signed = SignedContent::parse("{id}.{timestamp}.{body}").unwrap_or_default();
    scheme
}
