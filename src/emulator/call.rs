//! The calls that it knows, by method and path.

/// A call, with the ids of its path as they stand there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Call {
    CreateWebhook,
    TriggerTest,
    FindCalls,
    CreateModel(String),
    GetModel(String),
    CreateVersion(String),
    GetVersion(String),
    /// The version, and whether the body has a mask.
    PatchVersion(String, Masked),
    CreateTransition,
    ApproveTransition,
    CommitTransition,
    UpdateStage,
    CreateBuild(String),
    GetBuild(String),
    RequestScan(String),
    PutScan(String),
    GetScan(String),
    PutFaults,
    GetWrites,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Masked {
    Yes,
    No,
}

impl Call {
    pub(super) fn find(method: &str, path: &[&str]) -> Option<Self> {
        let owned = |id: &str| id.to_owned();
        match path {
            ["dev", "faults"] if method == "PUT" => Some(Self::PutFaults),
            ["dev", "writes"] if method == "GET" => Some(Self::GetWrites),
            ["api", "v1", rest @ ..] => match (method, rest) {
                ("POST", ["uac-proxy", "events", "createWebhook"]) => Some(Self::CreateWebhook),
                ("POST", ["uac-proxy", "events", "triggerTest"]) => Some(Self::TriggerTest),
                ("POST", ["uac-proxy", "events", "findWebhookCall"]) => Some(Self::FindCalls),
                ("POST", ["registry", "workspaces", workspace, "registered_models"]) => {
                    Some(Self::CreateModel(owned(workspace)))
                }
                ("GET", ["registry", "registered_models", model]) => Some(Self::GetModel(owned(model))),
                ("POST", ["registry", "registered_models", model, "model_versions"]) => {
                    Some(Self::CreateVersion(owned(model)))
                }
                (
                    "GET",
                    ["registry", "model_versions", version]
                    | ["registry", "registered_models", _, "model_versions", version],
                ) => Some(Self::GetVersion(owned(version))),
                ("PATCH", ["registry", "registered_models", _, "model_versions", version]) => {
                    Some(Self::PatchVersion(owned(version), Masked::No))
                }
                ("PATCH", ["registry", "registered_models", _, "model_versions", version, "full_body"]) => {
                    Some(Self::PatchVersion(owned(version), Masked::Yes))
                }
                ("POST", ["registry", "stage", "createTransition"]) => Some(Self::CreateTransition),
                ("POST", ["registry", "stage", "approveTransition"]) => Some(Self::ApproveTransition),
                ("POST", ["registry", "stage", "commitTransition"]) => Some(Self::CommitTransition),
                ("POST", ["registry", "stage", "updateStage"]) => Some(Self::UpdateStage),
                ("POST", ["deployment", "workspace", workspace, "builds"]) => Some(Self::CreateBuild(owned(workspace))),
                ("GET", ["deployment", "workspace", _, "builds", build]) => Some(Self::GetBuild(owned(build))),
                ("POST", ["deployment", "workspace", _, "builds", build, "scan"]) => {
                    Some(Self::RequestScan(owned(build)))
                }
                ("PUT", ["deployment", "workspace", _, "builds", build, "scan"]) => Some(Self::PutScan(owned(build))),
                (
                    "GET",
                    ["deployment", "workspace", _, "builds", build, "scan"] | ["deployment", "builds", build, "scan"],
                ) => Some(Self::GetScan(owned(build))),
                _ => None,
            },
            _ => None,
        }
    }

    /// The tools for development are no part of Verta's interface.
    pub(super) fn needs_identity(&self) -> bool {
        !matches!(self, Self::PutFaults | Self::GetWrites)
    }
}
