//! Links from files to where they are worked on: the table `reader`.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::{
    editor_url::EditorUrl,
    values::{As, EditorUrlText},
};

/// The files beside the conversation.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("live" = true))]
pub(crate) struct FileLinkSettings {
    /// Address that opens a file in an editor or at a code host; empty: none. `{path}` is the path of the
    /// file, `{line}` its line, `{dir}` the directory of the project and `{project}` its name, as in
    /// `vscode://file/{dir}/{path}:{line}`.
    #[serde(with = "As::<EditorUrlText>")]
    pub(crate) editor_url: Option<EditorUrl>,
}
